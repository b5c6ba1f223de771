"""A writer tuned on pairs in memory, and what is measured of it."""

import json

import pytest

from embedtune.config.settings import LlmConfig
from embedtune.config.writer import WriterConfig
from embedtune.errors import ConfigError, DataError
from embedtune.llm.local_models import open_base
from embedtune.llm.providers import describe, load_provider
from embedtune.synthesis.writer.pairs import Pair
from embedtune.synthesis.writer.tuning import copied_share, tune_writer
from tests.llm_models import make_causal

PAIRS = [
    Pair(f"how long does boiler {number} take", f"Boiler {number} heats the water in the tank.", f"p{number}")
    for number in range(16)
]


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return make_causal(tmp_path_factory.mktemp("causal"))


@pytest.fixture(scope="session")
def tuned(folder):
    config = WriterConfig(source="s", llm="hf:m", learning_rate=0.02, epochs=1)
    return tune_writer(open_base(str(folder)), PAIRS, config)


@pytest.fixture(scope="session")
def saved(tuned, tmp_path_factory):
    place = tmp_path_factory.mktemp("saved") / "writer"
    tuned.save(place)
    return place


def test_likelihood_and_likeness_are_recorded(tuned):
    record = tuned.record
    assert (record.train, record.held_out) == (12, 4)
    assert record.loss < record.loss_before
    assert record.people_copied == pytest.approx(1 / 3, abs=0.001)  # "boiler 3" of six words
    for written in (record.base_writes, record.writes):
        assert written.likeness.n_examples == 4
        assert written.likeness.words.examples == 6
        assert len(written.examples) == 5
    assert record.base_writes.examples != record.writes.examples
    assert "held-out ones costs" in record.summary()
    assert [line.split()[0] for line in record.summary().splitlines()[2:]] == ["people", "base", "writer"]


def test_it_is_saved_without_the_base_and_its_place(tuned, saved, folder):
    assert sorted(path.name for path in saved.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "writer.json",
    ]
    assert json.loads((saved / "adapter_config.json").read_text())["base_model_name_or_path"] == folder.name
    assert str(folder.parent) not in "".join(path.read_text("utf-8", "replace") for path in saved.iterdir())


def test_a_generation_knows_it_by_its_bytes(saved, folder, tmp_path):
    plain = describe(LlmConfig(name=f"hf:{folder}"))
    found = describe(LlmConfig(name=f"hf:{folder}", adapter=str(saved)))
    assert found.model.startswith(f"{plain.model}+")
    assert (found.chats, found.answer_tokens) == (False, 16)
    provider = load_provider(LlmConfig(name=f"hf:{folder}", adapter=str(saved)))
    assert (provider.model, provider.chats) == (found.model, False)
    other = make_causal(tmp_path / "causal")
    (other / "generation_config.json").write_text("{}")
    with pytest.raises(ConfigError, match="found one that was tuned on another model"):
        describe(LlmConfig(name=f"hf:{other}", adapter=str(saved)))


@pytest.mark.parametrize(("pairs", "found"), [(PAIRS[:9], "found 9 of 9"), ([PAIRS[0]] * 12, "found 12 of 1")])
def test_too_few_queries_are_told(folder, pairs, found):
    with pytest.raises(
        DataError, match=f"expected at least 10 judged train or dev queries, of several passages, {found}"
    ):
        tune_writer(open_base(str(folder)), pairs, WriterConfig(source="s", llm="hf:m"))


def test_the_share_of_words_that_are_copied():
    assert copied_share(["cold tap water now"], ["fill it with cold tap water"]) == 0.75
    assert copied_share(["…"], ["text"]) == 0.0
