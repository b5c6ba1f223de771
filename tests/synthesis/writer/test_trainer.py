"""LoRA on the tokens of the query, with models of two layers."""

import pytest
import torch

from embedtune.config.writer import WriterConfig
from embedtune.llm.local_models import load_weights, open_base
from embedtune.synthesis.writer.pairs import Pair
from embedtune.synthesis.writer.trainer import fit
from tests.llm_models import make_causal, make_seq2seq

PAIRS = [
    Pair(f"how long does boiler {number} take", f"Boiler {number} heats the water in the tank.", f"p{number}")
    for number in range(16)
]


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    return {
        "causal": make_causal(tmp_path_factory.mktemp("causal")),
        "seq2seq": make_seq2seq(tmp_path_factory.mktemp("seq2seq")),
    }


def config(**settings):
    return WriterConfig(source="s", llm="hf:m", learning_rate=0.02, **settings)


@pytest.mark.parametrize(("kind", "quantize"), [("causal", "none"), ("seq2seq", "int8"), ("causal", "nf4")])
def test_held_out_queries_become_likelier_and_the_base_stays(folders, kind, quantize):
    base = open_base(str(folders[kind]))
    fitted = fit(base, PAIRS[:12], PAIRS[12:], config(quantize=quantize, epochs=2))
    assert len(fitted.by_epoch) == 2
    assert fitted.loss == min(fitted.by_epoch) < fitted.loss_before - 0.2
    assert fitted.steps == 2 * (fitted.by_epoch.index(fitted.loss) + 1)
    assert fitted.answer_tokens == 16
    trained = {name for name, weight in fitted.model.named_parameters() if weight.requires_grad}
    assert trained
    assert all("lora_" in name for name in trained)
    if quantize == "none":
        before = load_weights(base, "none").state_dict()["lm_head.weight"]
        assert torch.equal(fitted.model.get_base_model().state_dict()["lm_head.weight"], before)


def test_the_best_epoch_is_kept_and_too_many_are_not_run(folders):
    base = open_base(str(folders["causal"]))
    wild = WriterConfig(source="s", llm="hf:m", learning_rate=0.9, epochs=6, patience=1)
    fitted = fit(base, PAIRS[:12], PAIRS[12:], wild)
    best = fitted.by_epoch.index(min(fitted.by_epoch)) + 1
    assert len(fitted.by_epoch) <= best + 1
    from embedtune.llm.generation import log_loss
    from embedtune.synthesis.writer.trainer import batches_of

    assert log_loss(fitted.model, batches_of(base, PAIRS[12:], 8)) == pytest.approx(fitted.loss, rel=1e-3)
