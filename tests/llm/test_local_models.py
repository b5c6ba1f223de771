"""Models in this process: a seq2seq and a causal one, made on the spot."""

import asyncio

import pytest

from embedtune.config.settings import LlmConfig
from embedtune.errors import ConfigError
from embedtune.llm.failures import RateLimiter
from embedtune.llm.providers import describe, load_provider
from embedtune.llm.store import Message, make_call
from tests.llm_models import make_causal, make_seq2seq


@pytest.fixture(scope="session")
def seq2seq(tmp_path_factory):
    return make_seq2seq(tmp_path_factory.mktemp("seq2seq"))


@pytest.fixture(scope="session")
def causal(tmp_path_factory):
    return make_causal(tmp_path_factory.mktemp("causal"))


def ask(provider, prompt, **params):
    call = make_call("hf:m", [Message("user", prompt)], {"temperature": 0.9, "max_tokens": 12, **params}, "write")
    provider.attach(RateLimiter())
    return asyncio.run(provider.ask(call))


@pytest.mark.parametrize("quantize", ["none", "int8", "nf4"])
def test_a_seq2seq_model_answers_whole_and_the_same_each_time(seq2seq, quantize):
    provider = load_provider(LlmConfig(name=f"hf:{seq2seq}", quantize=quantize))
    assert (provider.max_concurrency, provider.is_local, provider.chats) == (32, True, False)
    first = ask(provider, "fill the tank with cold tap water and wait")
    again = load_provider(LlmConfig(name=f"hf:{seq2seq}", quantize=quantize))
    assert first == ask(again, "fill the tank with cold tap water and wait")
    assert first != ask(provider, "fill the tank with cold tap water and wait")  # the same call again is sampled anew
    assert first.text
    assert first.completion_tokens >= 1
    assert first.prompt_tokens > 5
    asyncio.run(provider.close())


def test_a_causal_model_with_a_template_chats(causal):
    provider = load_provider(LlmConfig(name=f"hf:{causal}"))
    assert provider.chats
    assert ask(provider, "cold water", max_tokens=20, temperature=0.0).finish in ("stop", "length")


def test_a_folder_is_known_by_its_bytes(seq2seq, causal):
    assert describe(LlmConfig(name=f"hf:{seq2seq}")) == describe(LlmConfig(name=f"hf:{seq2seq}"))
    assert (
        describe(LlmConfig(name=f"hf:{seq2seq}")).model
        != describe(LlmConfig(name=f"hf:{seq2seq}", quantize="int8")).model
    )
    assert describe(LlmConfig(name=f"hf:{causal}")).chats
    assert str(seq2seq) not in describe(LlmConfig(name=f"hf:{seq2seq}")).model


def test_calls_at_once_are_computed_in_batches_and_keep_their_answers(causal):
    provider = load_provider(LlmConfig(name=f"hf:{causal}"))
    prompts = [f"cold tap water {'and more ' * (number % 5)}{number}" for number in range(20)]
    calls = [
        make_call("m", [Message("user", text)], {"temperature": 0.9, "max_tokens": 6}, "write") for text in prompts
    ]
    sizes = []
    compute = provider._answer
    provider._answer = lambda taken: sizes.append(len(taken)) or compute(taken)

    async def together():
        return await asyncio.gather(*(provider.ask(call) for call in calls))

    answers = asyncio.run(together())
    assert sizes == [16, 4]
    other = load_provider(LlmConfig(name=f"hf:{causal}"))
    alone = [asyncio.run(other.ask(call)) for call in calls[:3]]
    assert [answer.prompt_tokens for answer in answers[:3]] == [answer.prompt_tokens for answer in alone]
    assert len({answer.text for answer in answers}) > 15


def test_a_prompt_that_is_too_long_fails_alone(causal):
    provider = load_provider(LlmConfig(name=f"hf:{causal}"))
    texts = ["cold water", "water " * 3000]
    calls = [make_call("m", [Message("user", text)], {"temperature": 0.0, "max_tokens": 4}, "write") for text in texts]

    async def together():
        return await asyncio.gather(*(provider.ask(call) for call in calls), return_exceptions=True)

    short, long = asyncio.run(together())
    assert short.completion_tokens > 0
    assert (long.kind, long.scope) == ("too_long", "call")


def test_the_gate_lets_as_many_calls_in_as_can_wait(causal):
    gate = RateLimiter(concurrency=512)
    load_provider(LlmConfig(name=f"hf:{causal}")).attach(gate)
    assert gate.most == 32


def test_no_model(tmp_path):
    with pytest.raises(ConfigError, match="expected a causal or seq2seq model"):
        load_provider(LlmConfig(name=f"hf:{tmp_path}"))
