from __future__ import annotations

import asyncio

import pytest

from embedtune.config.settings import LlmConfig
from embedtune.errors import ConfigError
from embedtune.executor import using
from embedtune.llm.failures import CallError, RateLimiter
from embedtune.llm.providers import load_provider
from embedtune.llm.remote_models import RemoteModel
from embedtune.llm.store import Message, make_call
from tests.llm_models import make_causal
from tests.thread_workers import ThreadWorkers


@pytest.fixture(scope="module")
def causal(tmp_path_factory):
    return LlmConfig(name=f"hf:{make_causal(tmp_path_factory.mktemp('causal'))}")


def call_of(prompt):
    return make_call("hf:m", [Message("user", prompt)], {"temperature": 0.9, "max_tokens": 8}, "write")


def test_workers_answer_as_this_process_does_also_when_they_are_asked_again(causal):
    own = load_provider(causal)
    expected = [asyncio.run(own.ask(call_of("cold tap water"))) for _ in range(3)]
    assert len(set(expected)) > 1
    with using(ThreadWorkers(2)):
        provider = load_provider(causal)
        assert isinstance(provider, RemoteModel)
        provider.attach(RateLimiter())
        assert (provider.model, provider.chats, provider.is_local) == (own.model, own.chats, True)
        assert provider.max_concurrency == 2 * own.max_concurrency
        assert [asyncio.run(provider.ask(call_of("cold tap water"))) for _ in range(3)] == expected


def test_a_failure_of_a_call_comes_back_as_one(causal):
    with using(ThreadWorkers(1)):
        provider = load_provider(causal)
        with pytest.raises(CallError, match="a prompt of") as failed:
            asyncio.run(provider.ask(call_of("cold water " * 3000)))
    assert (failed.value.kind, failed.value.scope) == ("too_long", "call")


def test_a_model_that_is_not_there_is_refused_by_the_workers_as_here(tmp_path):
    with using(ThreadWorkers(1)), pytest.raises(ConfigError, match="expected a causal or seq2seq model"):
        load_provider(LlmConfig(name=f"hf:{tmp_path}"))
