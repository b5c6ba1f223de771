"""Workers in threads of this process, which are given what is mapped as other processes would be: pickled."""

from __future__ import annotations

import inspect
import pickle
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class ThreadWorkers:
    def __init__(self, size: int = 2) -> None:
        self.size = size
        self.n_items = 0
        self._own = threading.local()
        self._threads = ThreadPoolExecutor(size)

    def submit(self, load: Any, item: Any) -> Future[Any]:
        self.n_items += 1
        return self._threads.submit(self._do, pickle.dumps(load), pickle.dumps(item))

    def _do(self, load: bytes, item: bytes) -> Any:
        held = self._own.__dict__
        if load not in held:
            held[load] = pickle.loads(load)()
        done = held[load](pickle.loads(item))
        if inspect.isawaitable(done):
            import asyncio

            async def wait() -> Any:
                return await done

            done = asyncio.run(wait())
        return pickle.loads(pickle.dumps(done))
