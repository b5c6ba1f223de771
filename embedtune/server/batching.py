"""Dynamic batches: while one is computed the next one fills, so that nobody waits for a timer and the cores are never idle."""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, NamedTuple

Compute = Callable[[list[Any]], Sequence[Any]]
"""Items → a result for each, in their order. It runs in a thread of its own."""

_SMOOTHING = 0.2  # weight of the last batch in the pace


class Busy(Exception):
    """More waits than is allowed.

    Attributes:
        retry_after: Whole seconds after which half of what waits should be done, 1 or more.
    """

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"busy; try again in {retry_after} s")
        self.retry_after = retry_after


class _Waiting(NamedTuple):
    item: Any
    done: asyncio.Future[Any]


class Batcher:
    """Gathers the items of all requests into batches; lanes take turns: a query waits for one batch of documents at most.

    Attributes:
        waiting: Items that no batch has taken yet.
    """

    def __init__(
        self,
        lanes: Mapping[str, Compute],
        *,
        max_batch: int,
        max_waiting: int,
        on_batch: Callable[[str, int, float], None] = lambda lane, size, seconds: None,
    ) -> None:
        """Set up lanes.

        Args:
            lanes: What is computed, by name.
            max_batch: Items of a batch.
            max_waiting: Items that may wait; one request alone may always wait, however many it has.
            on_batch: Called after each batch with its lane, its items and its seconds.
        """
        self._lanes = lanes
        self._queues: dict[str, deque[_Waiting]] = {name: deque() for name in lanes}
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._on_batch = on_batch
        self._worker = ThreadPoolExecutor(1, "encode")
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._pace = 0.0  # seconds of an item
        self.waiting = 0

    async def __call__(self, lane: str, items: Sequence[Any]) -> list[Any]:
        """Return a result for each item.

        Raises:
            Busy: If too many items wait.
        """
        if self.waiting and self.waiting + len(items) > self._max_waiting:
            raise Busy(max(1, math.ceil(self.waiting * self._pace / 2)))
        loop = asyncio.get_running_loop()
        entries = [_Waiting(item, loop.create_future()) for item in items]
        self._queues[lane].extend(entries)
        self.waiting += len(entries)
        self._wake.set()
        try:
            return list(await asyncio.gather(*(entry.done for entry in entries)))
        finally:  # a client that has left takes what waits along
            for entry in entries:
                entry.done.cancel()

    def start(self) -> None:
        """Begin to compute, in the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Finish the batch that is being computed, and let the thread go."""
        if self._task:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await asyncio.to_thread(self._worker.shutdown, wait=True, cancel_futures=True)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            for lane in self._lanes:
                if batch := self._next(lane):
                    await self._compute(lane, batch)
            if not self.waiting:
                await self._wake.wait()

    def _next(self, lane: str) -> list[_Waiting]:
        queue, batch = self._queues[lane], list[_Waiting]()
        while queue and len(batch) < self._max_batch:
            entry = queue.popleft()
            self.waiting -= 1
            if not entry.done.cancelled():
                batch.append(entry)
        return batch

    async def _compute(self, lane: str, batch: list[_Waiting]) -> None:
        items = [entry.item for entry in batch]
        started = time.perf_counter()
        try:
            results = await asyncio.get_running_loop().run_in_executor(self._worker, self._lanes[lane], items)
        except Exception as error:
            for entry in batch:
                if not entry.done.cancelled():
                    entry.done.set_exception(error)
            return
        seconds = time.perf_counter() - started
        self._pace += (seconds / len(items) - self._pace) * (_SMOOTHING if self._pace else 1)
        self._on_batch(lane, len(items), seconds)
        for entry, result in zip(batch, results, strict=True):
            if not entry.done.cancelled():
                entry.done.set_result(result)
