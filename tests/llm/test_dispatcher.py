"""Sending calls: a provider that does what the test says."""

import asyncio
import time

import pytest

from embedtune.config.settings import LlmConfig
from embedtune.errors import ProviderError
from embedtune.llm.cost import CostTracker, Prices
from embedtune.llm.dispatcher import Dispatcher
from embedtune.llm.failures import CallError, HeldBackError, outcome_of
from embedtune.llm.providers import MANY, load_provider
from embedtune.llm.store import Answer, AnswerStore, Message, make_call
from embedtune.signals import StopRequest
from tests.llm_server import Script, ScriptedServer


def judge(call, answer):
    return None if answer.text.startswith("good") else answer.text


class Scripted:
    """Answers by a script for each prompt; an exception in it is raised."""

    name, model, max_concurrency, is_local, chats = "scripted:m", "scripted:m", MANY, False, True

    def __init__(self, script=None, seconds=0.0):
        self.script = script or {}
        self.seconds = seconds
        self.asked = []
        self.in_flight = self.most_in_flight = 0

    async def ask(self, call):
        prompt = call.messages[0].content
        self.asked.append(prompt)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.in_flight -= 1
        steps = self.script.get(prompt) or self.script.get("*")
        step = steps.pop(0) if steps else f"good {prompt}"
        if isinstance(step, Exception):
            raise step
        return Answer(step, "stop", 10, 10)

    def attach(self, gate):
        self.gate = gate

    async def close(self):
        self.closed = True


@pytest.fixture
def ask(tmp_path):
    """Return a function that asks n calls and returns outcomes by prompt."""
    store = AnswerStore(tmp_path / "answers.sqlite")

    def run(provider, n=20, *, stop=None, max_cost=None, remind=lambda call, _: call, **settings):
        calls = [make_call("m", [Message("user", f"p{number}")], {"max_tokens": 10}, "write") for number in range(n)]
        store.register(calls)
        prices = Prices(1e6, 1e6) if max_cost else Prices(None, None)
        meter = CostTracker(prices, max_cost=max_cost)
        stop = StopRequest() if stop is None else stop
        dispatcher = Dispatcher(provider, store, LlmConfig(max_tokens=16, **settings), meter, stop=stop, remind=remind)

        def standing():
            histories = store.histories([call.key for call in calls])
            return [(call, outcome_of(call, histories.get(call.key, ()), judge)) for call in calls]

        try:
            asyncio.run(dispatcher.ask([(call, outcome) for call, outcome in standing() if outcome.waits], judge))
        finally:
            run.outcomes = {call.messages[0].content: outcome for call, outcome in standing()}
            run.meter = meter
        return run.outcomes

    yield run
    store.close()


def test_every_call_gets_its_own_answer_within_the_concurrency(ask):
    provider = Scripted(seconds=0.01)
    outcomes = ask(provider, concurrency=4)
    assert {prompt: outcome.answer.text for prompt, outcome in outcomes.items()} == {
        f"p{n}": f"good p{n}" for n in range(20)
    }
    assert provider.most_in_flight == 4
    assert len(provider.asked) == 20
    assert provider.closed


def test_bad_answers_are_asked_for_again_and_paid_for(ask):
    provider = Scripted({"p3": ["refusal", "broken"]})
    outcomes = ask(provider)
    assert outcomes["p3"].answer.text == "good p3"
    assert provider.asked.count("p3") == 3
    assert ask.meter.prompt_tokens == 220


def test_the_second_question_names_the_fault_in_the_next_run_too(ask):
    def remind(call, rejected):
        return call._replace(messages=(*call.messages, Message("user", f"{rejected.answer.text} was {rejected.fault}")))

    stop = StopRequest()

    class Stops(Scripted):
        async def ask(self, call):
            stop.signal_number = 2
            return await super().ask(call)

    class Hears(Scripted):
        async def ask(self, call):
            heard.append([message.content for message in call.messages])
            return await super().ask(call)

    heard = []
    ask(Hears({"p0": ["broken"]}), 1, remind=remind)
    assert heard == [["p0"], ["p0", "broken was broken"]]
    ask(Stops({"p1": ["broken"]}), 2, stop=stop, remind=remind)
    heard.clear()
    ask(Hears(), 2, remind=remind)
    assert heard == [["p1", "broken was broken"]]


def test_a_call_is_given_up_after_two_malformed_answers_or_three_refusals(ask):
    provider = Scripted({"p1": ["wrong_count"] * 20, "p2": ["refusal"] * 20})
    outcomes = ask(provider, concurrency=2)
    assert (outcomes["p1"].failure, provider.asked.count("p1")) == ("wrong_count", 2)
    assert (outcomes["p2"].failure, provider.asked.count("p2")) == ("refusal", 3)
    assert sum(outcome.answer is not None for outcome in outcomes.values()) == 18


def test_what_was_given_up_or_answered_is_not_asked_a_second_time(ask):
    ask(Scripted({"p1": ["refusal"] * 20}))
    again = Scripted()
    ask(again)
    assert again.asked == []


def test_an_attempt_limit_counts_those_of_the_run_before(ask):
    stop = StopRequest()

    class Stops(Scripted):
        async def ask(self, call):
            if len(self.asked) == 4:
                stop.signal_number = 2
            return await super().ask(call)

    late = [CallError("bad_response", "no JSON") for _ in range(20)]
    first = Stops({"p0": late})
    ask(first, 1, stop=stop)
    assert 0 < len(first.asked) < 8
    second = Scripted({"p0": late})
    assert ask(second, 1)["p0"].failure == "bad_response"
    assert len(first.asked) + len(second.asked) == 8


@pytest.mark.parametrize("kind", ["unauthorized", "quota", "not_found"])
def test_what_ends_the_run_costs_one_call_at_the_start(ask, kind):
    provider = Scripted({"*": [CallError(kind, "no", scope="run") for _ in range(99)]})
    with pytest.raises(ProviderError) as ended:
        ask(provider, concurrency=8)
    assert len(provider.asked) == 1
    assert ended.value.exit_code == 4
    assert "the same command goes on" in ended.value.hint


def test_in_the_middle_it_costs_one_call_for_each_worker_and_what_was_answered_is_kept(ask):
    provider = Scripted(seconds=0.005)

    async def failing(call, ask=provider.ask):
        if len(provider.asked) >= 20:
            provider.asked.append(call.messages[0].content)
            await asyncio.sleep(0.005)
            raise CallError("unauthorized", scope="run")
        return await ask(call)

    provider.ask = failing
    with pytest.raises(ProviderError):
        ask(provider, 100, concurrency=4)
    assert 20 <= len(provider.asked) <= 24
    kept = sum(outcome.answer is not None for outcome in ask.outcomes.values())
    assert kept == 20
    assert sum(outcome.waits for outcome in ask.outcomes.values()) == 80


def test_an_address_where_nobody_is_ends_the_run_after_three_tries(ask):
    provider = Scripted({"*": [ConnectionRefusedError("refused") for _ in range(99)]})
    with pytest.raises(ProviderError, match="expected a server, found unreachable"):
        ask(provider)
    assert len(provider.asked) == 3
    assert all(outcome.waits for outcome in ask.outcomes.values())


def test_a_server_that_dies_in_the_middle_ends_the_run_and_its_calls_are_asked_again_later(ask, monkeypatch):
    monkeypatch.setattr("embedtune.llm.failures._FIRST_S", 0.0)
    provider = Scripted({f"p{n}": [ConnectionResetError() for _ in range(99)] for n in range(5, 100)})
    with pytest.raises(ProviderError):
        ask(provider, 100, concurrency=4)
    assert sum(outcome.waits for outcome in ask.outcomes.values()) >= 85
    outcomes = ask(Scripted(), 100)
    assert sum(outcome.answer is not None for outcome in outcomes.values()) >= 95


def test_a_wait_that_is_too_long_ends_the_run(ask):
    provider = Scripted({"p0": [CallError("rate_limit", retry_after=4000.0)]})
    with pytest.raises(ProviderError) as ended:
        ask(provider, max_wait_s=600.0)
    assert "67 minutes" in ended.value.hint


def test_all_calls_wait_while_a_server_wants_none(ask):
    provider = Scripted({"p5": [CallError("rate_limit", retry_after=0.3)]}, seconds=0.001)
    times = []

    async def timed(call, ask=provider.ask):
        times.append(time.monotonic())
        try:
            return await ask(call)
        except CallError:
            times.clear()
            provider.refused = time.monotonic()
            raise

    provider.ask = timed
    outcomes = ask(provider, concurrency=1)
    assert all(outcome.answer for outcome in outcomes.values())
    assert min(times) - provider.refused >= 0.29


def test_a_hanging_call_is_sent_again(ask):
    provider = Scripted()

    async def hangs(call, ask=provider.ask):
        if call.messages[0].content == "p2" and "p2" not in provider.asked:
            provider.asked.append("p2")
            await asyncio.sleep(60)
        return await ask(call)

    provider.ask = hangs
    outcomes = ask(provider, timeout_s=0.1)
    assert outcomes["p2"].answer.text == "good p2"


def test_where_all_others_were_quick_a_hanging_call_is_sent_again_sooner(ask, monkeypatch):
    monkeypatch.setattr("embedtune.llm.waiting._LEAST_S", 0.2)
    provider = Scripted()

    async def hangs(call, ask=provider.ask):
        if call.messages[0].content == "p30" and "p30" not in provider.asked:
            provider.asked.append("p30")
            await asyncio.sleep(60)
        return await ask(call)

    provider.ask = hangs
    started = time.monotonic()
    outcomes = ask(provider, 40, timeout_s=60.0)
    assert outcomes["p30"].answer.text == "good p30"
    assert time.monotonic() - started < 20


def test_a_call_that_is_being_written_is_not_given_up(ask):
    with ScriptedServer(Script(streams_s=0.3, answers={"p": f"good {'word ' * 12}"})) as server:
        outcomes = ask(load_provider(LlmConfig(name="openai:m", base_url=server.url)), 3, timeout_s=2.0)
        assert server.calls.total() == 3  # each was written for twice the limit of silence
    assert all(outcome.answer.text.count("word") == 12 for outcome in outcomes.values())


def test_a_cost_limit_is_not_overrun(ask):
    with pytest.raises(ProviderError, match="--max-cost") as ended:
        ask(Scripted(seconds=0.001), 50, max_cost=200.0, concurrency=8)  # 20 a call, at most about 16 to 26 reserved
    assert ended.value.exit_code == 4
    assert 100 < ask.meter.cost <= 200
    assert sum(outcome.waits for outcome in ask.outcomes.values()) > 30


def test_a_request_to_stop_lets_calls_in_flight_finish(ask):
    stop, provider = StopRequest(), Scripted(seconds=0.05)

    async def stopping(call, ask=provider.ask):
        if len(provider.asked) == 5:
            stop.signal_number = 2
        return await ask(call)

    provider.ask = stopping
    outcomes = ask(provider, stop=stop, concurrency=3)
    assert sum(outcome.answer is not None for outcome in outcomes.values()) == len(provider.asked) < 20


def test_a_bug_in_a_judge_is_not_taken_for_a_failure_of_the_call(ask, monkeypatch):
    monkeypatch.setitem(globals(), "judge", lambda call, answer: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ask(Scripted())


def test_a_call_that_was_held_back_and_then_fails_is_counted(ask, monkeypatch):
    """An exception remembers the one before it; a failure must not be taken for another holding back."""
    provider = Scripted()

    async def held_once(call):
        provider.asked.append(call.messages[0].content)
        raise HeldBackError if len(provider.asked) == 1 else ConnectionResetError

    provider.ask = held_once
    monkeypatch.setattr("embedtune.llm.failures._FIRST_S", 0.0)
    outcomes = ask(provider, 1)
    assert outcomes["p0"].failure == "connection"
    assert len(provider.asked) == 1 + 8
