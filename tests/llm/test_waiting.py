import asyncio

import pytest

from embedtune.llm.waiting import Waiting, heard


def test_words_move_the_limit_and_silence_ends_the_call():
    async def write(n, pause):
        async with Waiting(0.2).limit(100) as count:
            for _ in range(n):
                await asyncio.sleep(pause)
                heard()
            count(n)

    asyncio.run(write(5, 0.1))  # half a second in all
    with pytest.raises(TimeoutError):
        asyncio.run(write(1, 0.5))


def test_what_goes_on_for_ever_ends():
    async def drip():
        waiting = Waiting(0.2)
        async with waiting.limit(0):
            while True:
                await asyncio.sleep(0.05)
                heard()

    with pytest.raises(TimeoutError):
        asyncio.run(drip())


def test_limits_follow_what_was_measured():
    async def answers(waiting):
        for _ in range(20):
            async with waiting.limit(50) as count:
                heard()
                await asyncio.sleep(0.01)
                heard()
                count(10)

    waiting = Waiting(120)
    assert (waiting.first_s, waiting.silence_s, waiting.whole_s(100)) == (120, 120, 1120)
    asyncio.run(answers(waiting))
    assert (waiting.first_s, waiting.silence_s) == (10, 30)
    assert 120 < waiting.whole_s(100) < 200


def test_calls_at_once_are_timed_apart_and_outside_nobody_listens():
    async def one(waiting, pause):
        async with waiting.limit(9):
            await asyncio.sleep(pause)
            heard()

    async def both():
        waiting = Waiting(0.3)
        return await asyncio.gather(one(waiting, 0.01), one(waiting, 9), return_exceptions=True)

    heard()
    found = asyncio.run(both())
    assert found[0] is None
    assert isinstance(found[1], TimeoutError)
