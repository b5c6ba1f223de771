from __future__ import annotations

import asyncio
import threading

import pytest

from embedtune.server.batching import Batcher, Busy


def run(scenario, **options):
    seen = []

    async def go():
        gate = threading.Event()

        def compute(lane):
            def work(items):
                gate.wait(5)
                seen.append((lane, list(items)))
                if "bad" in items:
                    raise ValueError("bad")
                return [f"{lane}:{item}" for item in items]

            return work

        options.setdefault("max_batch", 4)
        options.setdefault("max_waiting", 100)
        batcher = Batcher({name: compute(name) for name in ("query", "document")}, **options)
        batcher.start()
        try:
            return await scenario(batcher, gate)
        finally:
            gate.set()
            await batcher.stop()

    return asyncio.run(go()), seen


def test_what_comes_while_a_batch_is_computed_is_the_next_batch_and_lanes_take_turns():
    async def scenario(batcher, gate):
        first = asyncio.create_task(batcher("document", ["a"]))
        await asyncio.sleep(0.05)
        later = [asyncio.create_task(batcher("document", [name])) for name in "bcdef"]
        query = asyncio.create_task(batcher("query", ["q"]))
        await asyncio.sleep(0.05)
        gate.set()
        return await asyncio.gather(first, *later, query)

    results, seen = run(scenario)
    assert results == [["document:a"], *([f"document:{name}"] for name in "bcdef"), ["query:q"]]
    assert seen == [("document", ["a"]), ("query", ["q"]), ("document", list("bcde")), ("document", ["f"])]


def test_an_error_reaches_those_of_its_batch_alone():
    async def scenario(batcher, gate):
        gate.set()
        with pytest.raises(ValueError, match="bad"):
            await batcher("query", ["bad"])
        return await batcher("query", ["good"])

    assert run(scenario)[0] == ["query:good"]


def test_more_than_may_wait_is_refused_and_what_a_client_leaves_behind_is_not_computed():
    async def scenario(batcher, gate):
        first = asyncio.create_task(batcher("query", ["a"]))
        await asyncio.sleep(0.05)
        left = asyncio.create_task(batcher("query", ["b", "c"]))
        await asyncio.sleep(0.05)
        with pytest.raises(Busy) as busy:
            await batcher("query", ["d", "e"])
        left.cancel()
        gate.set()
        await first
        return busy.value.retry_after

    retry_after, seen = run(scenario, max_waiting=3)
    assert retry_after >= 1 and seen == [("query", ["a"])]
