"""Tokens and money."""

import asyncio

import pytest

from embedtune.llm.cost import CostLimitError, CostTracker, Prices, estimate_tokens, prompt_tokens
from embedtune.llm.store import Answer, Message, make_call

CALL = make_call("m", [Message("user", "x" * 396)], {}, "write")  # 104 tokens as estimated


def test_prices_are_for_a_million_tokens():
    assert Prices(0.5, 2.0).of(1_000_000, 500_000) == 1.5
    assert Prices(None, None).of(10, 10) == 0
    assert not Prices(None, 1.0).known


def test_scripts_without_spaces_have_more_tokens():
    assert estimate_tokens("kettle " * 100) < 200
    assert estimate_tokens("水壶" * 100) > 180


def test_all_answers_are_counted_on_top_of_earlier_ones():
    meter = CostTracker(Prices(1.0, 1.0), max_cost=None, prompt_tokens=10, completion_tokens=5)
    meter.add(Answer("", prompt_tokens=3, completion_tokens=2))
    assert (meter.prompt_tokens, meter.completion_tokens) == (13, 7)
    assert meter.cost == pytest.approx(20e-6)


def test_calls_in_flight_never_hold_more_than_is_left():
    assert prompt_tokens(CALL) == 104
    most = (104 + 96) / 1e6

    async def spend():
        meter = CostTracker(Prices(1.0, 1.0), max_cost=3.5 * most)
        in_flight, most_in_flight, refused = 0, 0, 0

        async def one():
            nonlocal in_flight, most_in_flight, refused
            try:
                async with meter.reserve(CALL, 96):
                    in_flight += 1
                    most_in_flight = max(most_in_flight, in_flight)
                    await asyncio.sleep(0.01)
                    meter.add(Answer("", prompt_tokens=104, completion_tokens=96))
                    in_flight -= 1
            except CostLimitError:
                refused += 1

        await asyncio.gather(*(one() for _ in range(8)))
        return most_in_flight, refused, meter.cost

    most_in_flight, refused, cost = asyncio.run(spend())
    assert (most_in_flight, refused) == (3, 5)
    assert cost <= 3.5 * most


def test_calls_wait_while_cheap_answers_may_still_leave_enough():
    async def spend():
        meter = CostTracker(Prices(1.0, 1.0), max_cost=300e-6)

        async def one():
            async with meter.reserve(CALL, 96):
                await asyncio.sleep(0)
                meter.add(Answer("", prompt_tokens=20, completion_tokens=1))

        await asyncio.gather(*(one() for _ in range(4)))
        return meter.cost

    assert asyncio.run(spend()) == pytest.approx(84e-6)
