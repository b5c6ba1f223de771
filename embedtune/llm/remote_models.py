"""A model that the workers of a stage compute, each with a copy of its own; servers are asked by this process, with its key."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from embedtune.executor import workers
from embedtune.llm.failures import CallError, RateLimiter, Scope, classify
from embedtune.llm.providers import ASKED, describe, load_here
from embedtune.llm.store import Answer, Call

if TYPE_CHECKING:
    from embedtune.config.settings import LlmConfig


_MOST = 32  # calls that wait in a worker


class RemoteModel:
    """Answers calls by ``executor.workers``; see ``Provider``. All of them must see the model's files in the same place."""

    is_local = True

    def __init__(self, config: LlmConfig) -> None:
        """Have the model loaded by a worker; raises ``ConfigError`` as ``load_here`` does there."""
        found = workers()
        assert found is not None
        described = describe(config)
        self.name, self.model, self.chats = config.name or "", described.model, described.chats
        self._workers = found
        self._load = partial(_answering, config)  # what it awaits, the worker awaits
        self.max_concurrency = found.submit(self._load, None).result() * found.size
        self._asked: Counter[str] = Counter()  # calls by key

    async def ask(self, call: Call) -> Answer:
        """Have a worker answer; key and number of times asked seed the sampling, whoever answered before."""
        asked, self._asked[call.key] = self._asked[call.key], self._asked[call.key] + 1
        result: Answer | _Failure = await asyncio.wrap_future(self._workers.submit(self._load, (call, asked)))
        if isinstance(result, _Failure):
            raise CallError(result.kind, result.message, scope=result.scope)
        return result

    def attach(self, gate: RateLimiter) -> None:
        """Let as many calls wait as all workers compute at once."""
        gate.take_slots(self.max_concurrency)

    async def close(self) -> None:
        """Keep the models."""


class _Failure(NamedTuple):
    """A ``CallError`` on its way from a worker."""

    kind: str
    message: str
    scope: Scope


def _answering(config: LlmConfig) -> Callable[[tuple[Call, int] | None], Any]:
    """Return what answers in a worker; without a call, how many it takes at once."""
    from embedtune.llm.local_models import LocalModel

    provider = load_here(config)

    async def answer(asked: tuple[Call, int] | None) -> Answer | _Failure | int:
        if asked is None:
            return min(provider.max_concurrency, _MOST)
        call, times = asked
        if isinstance(provider, LocalModel):
            call = call._replace(params={**call.params, ASKED: times})
        try:
            return await provider.ask(call)
        except Exception as error:
            failure = classify(error)
            return _Failure(failure.kind, str(failure), failure.scope)

    return answer
