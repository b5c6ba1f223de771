"""Batches of a transformers model: seeds, limits and losses, with models of two layers."""

import pytest
import torch

from embedtune.llm.generation import LEFT_OUT, Prompt, encode, generate, label_losses, log_loss, prompt_text
from embedtune.llm.local_models import load_weights, open_base
from tests.llm_models import make_causal, make_seq2seq

TEXTS = ["cold tap water", "fill the tank with cold tap water and wait for the light to turn green", "descale"]


@pytest.fixture(scope="session", params=["causal", "seq2seq"])
def loaded(request, tmp_path_factory):
    make = {"causal": make_causal, "seq2seq": make_seq2seq}[request.param]
    base = open_base(str(make(tmp_path_factory.mktemp(request.param))))
    return load_weights(base, "none", dtype=torch.float32).eval(), base


def write(loaded, prompts):
    model, base = loaded
    return generate(model, base.tokenizer, prompts, chats=base.chats)


def prompts(temperature=1.0):
    return [Prompt(text, 7 + number, temperature, 6 + number) for number, text in enumerate(TEXTS)]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_an_answer_does_not_depend_on_what_stands_beside_it(loaded, temperature):
    together = write(loaded, prompts(temperature))
    assert together == [write(loaded, [prompt])[0] for prompt in prompts(temperature)]
    assert together == write(loaded, prompts(temperature)[::-1])[::-1]


def test_a_seed_decides_and_so_does_the_temperature(loaded):
    one = [Prompt(TEXTS[0], seed, 1.0, 8) for seed in range(6)]
    assert len({answer.text for answer in write(loaded, one)}) > 3
    assert len({answer.text for answer in write(loaded, [prompt._replace(temperature=0.0) for prompt in one])}) == 1


def test_each_answer_has_a_limit_of_its_own(loaded):
    for prompt, answer in zip(prompts(), write(loaded, prompts()), strict=True):
        assert 0 < answer.n_tokens <= prompt.max_tokens
        assert answer.ended == (answer.n_tokens < prompt.max_tokens) or answer.n_tokens == prompt.max_tokens


def test_samples_follow_the_softmax(loaded):
    model, base = loaded
    if not base.config.is_encoder_decoder:
        ids = torch.tensor(encode(base.tokenizer, TEXTS[:1], chats=base.chats))
        with torch.inference_mode():
            chances = torch.softmax(model(ids).logits[0, -1].float() / 0.05, dim=0)
        likeliest = int(chances.argmax())
        drawn = write(loaded, [Prompt(TEXTS[0], seed, 0.05, 1) for seed in range(200)])
        word = base.tokenizer.decode([likeliest], skip_special_tokens=True)
        share = sum(answer.text == word for answer in drawn) / 200
        assert share == pytest.approx(float(chances[likeliest]), abs=0.12)


def test_the_loss_is_that_of_the_labelled_tokens(loaded):
    model, base = loaded
    prompt, target = [101, 2202, 1996], [3147, 2300, 102]
    if base.config.is_encoder_decoder:
        batch = {"input_ids": torch.tensor([prompt]), "attention_mask": torch.ones(1, 3, dtype=torch.long)}
        batch |= {"labels": torch.tensor([target])}
        with torch.inference_mode():
            expected = float(model(**batch).loss)
    else:
        # The shorter row is padded on the left.
        rows = [[*prompt, *target], [0, 0, *prompt[:2], *target[:2]]]
        labels = [[LEFT_OUT] * 3 + target, [LEFT_OUT] * 4 + target[:2]]
        mask = [[1] * 6, [0, 0, 1, 1, 1, 1]]
        batch = {name: torch.tensor(value) for name, value in
                 (("input_ids", rows), ("attention_mask", mask), ("labels", labels))}  # fmt: skip
        with torch.inference_mode():
            alone = [
                model(input_ids=torch.tensor([row]), labels=torch.tensor([label])).loss * count
                for row, label, count in ((rows[0], labels[0], 3), (rows[1][2:], labels[1][2:], 2))
            ]
        expected = float(sum(alone)) / 5
    assert log_loss(model, [batch]) == pytest.approx(expected, abs=1e-3)
    assert len(label_losses(model, batch)) == int((batch["labels"] != LEFT_OUT).sum())


def test_prompts_of_models_that_chat_and_of_others(loaded):
    _, base = loaded
    messages = [("system", "be brief"), ("user", "cold water")]
    assert prompt_text(base.tokenizer, messages, chats=False) == "be brief\n\ncold water"
    if base.chats:
        assert prompt_text(base.tokenizer, messages, chats=True).endswith("<user> cold water <assistant>")
