"""When calls may go out."""

import asyncio
import time

import pytest

from embedtune.llm.limits import HeldBackError, RateLimiter, StopWaitingError


def test_a_pause_holds_calls_back_and_a_shorter_one_does_not_end_it():
    async def enter():
        gate = RateLimiter()
        gate.pause(0.15)
        gate.pause(0.01)
        with pytest.raises(HeldBackError):
            gate.check_open()
        started = time.monotonic()
        await gate.enter(1)
        gate.check_open()
        return time.monotonic() - started

    assert asyncio.run(enter()) > 0.1


def test_only_heads_that_ask_for_it_close_the_gate():
    gate = RateLimiter()
    gate.hear(200, {"retry-after": "9"})
    gate.hear(500, {})
    gate.check_open()
    gate.hear(429, {"retry-after": "9"})
    with pytest.raises(HeldBackError):
        gate.check_open()


def test_after_a_pause_calls_go_out_one_by_one_until_answers_come():
    async def flight():
        gate, inside = RateLimiter(concurrency=4), []

        async def hold():
            async with gate.slot():
                inside.append(len(inside))
                await asyncio.sleep(10)

        gate.pause(0)
        tasks = [asyncio.create_task(hold()) for _ in range(6)]
        counts = []
        for _ in range(5):
            await asyncio.sleep(0.01)
            counts.append(len(inside))
            gate.answered()
        for task in tasks:
            task.cancel()
        return counts

    assert asyncio.run(flight()) == [1, 2, 3, 4, 4]


def test_a_run_that_ends_ends_the_waiting():
    async def wait():
        gate = RateLimiter(is_stopping=lambda: True)
        gate.pause(60)
        await gate.enter(1)

    started = time.monotonic()
    with pytest.raises(StopWaitingError):
        asyncio.run(wait())
    assert time.monotonic() - started < 5


def test_the_rate_is_kept_and_waiting_for_it_can_be_ended():
    stopping = []

    async def calls():
        gate = RateLimiter(requests_per_minute=3, is_stopping=lambda: bool(stopping))
        for _ in range(3):
            await gate.enter(1)
        asyncio.get_running_loop().call_later(0.1, stopping.append, True)
        await gate.enter(1)

    with pytest.raises(StopWaitingError):
        asyncio.run(calls())


def test_a_call_of_more_tokens_than_a_minute_has_is_let_through():
    async def call():
        await RateLimiter(tokens_per_minute=100).enter(5000)

    asyncio.run(asyncio.wait_for(call(), 2))
