"""Sends calls until each has a usable answer or is given up: concurrent, within limits, and stopped without loss."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from embedtune.errors import ProviderError
from embedtune.llm.cost import CostLimitError, CostTracker, prompt_tokens
from embedtune.llm.failures import (
    ATTEMPTS,
    MALFORMED,
    REFUSAL,
    REFUSALS,
    TRANSPORT,
    AnswerCheck,
    CallError,
    HeldBackError,
    Outcome,
    RateLimiter,
    Rejected,
    StopWaitingError,
    causes,
    classify,
    retrying,
)
from embedtune.llm.providers import Provider
from embedtune.llm.room import Room
from embedtune.llm.store import ANSWER, Answer, AnswerStore, Attempt, Call
from embedtune.llm.waiting import Waiting
from embedtune.signals import StopRequest

if TYPE_CHECKING:
    from embedtune.config.settings import LlmConfig

_GIVEN_UP_IN_A_ROW = 10  # without one answer in between: it is not the calls, it is the server
_CALLS_A_SLOT = 4  # a call that waits to be sent again leaves its slot to another
_UNREACHED = 3  # tries of the very first call before the address is doubted


OnProgress = Callable[[int, Counter[str]], None]
"""Called with the number of calls that ended since the last report, and with all calls given up so far, by class."""

Reminder = Callable[[Call, Rejected], Call]
"""Returns a call that is asked once more, with the fault of its last answer named; its key stays."""


class Dispatcher:
    """Sends calls to one provider."""

    def __init__(
        self,
        provider: Provider,
        store: AnswerStore,
        config: LlmConfig,
        costs: CostTracker,
        *,
        stop: StopRequest,
        on_progress: OnProgress = lambda *_: None,
        remind: Reminder = lambda call, _: call,
    ) -> None:
        self._provider = provider
        self._store = store
        self._config = config
        self._costs = costs
        self._stop = stop
        self._report = on_progress
        self._remind = remind
        self._n_slots = min(config.concurrency, provider.max_concurrency)
        self._waiting = Waiting(config.timeout_s)
        self._room = Room(adapts=config.max_tokens is None)
        self._end: Exception | None = None  # what ends the run
        self.seconds: dict[str, float] = {}  # by key: what each call took, in all its attempts
        self._contact = asyncio.Event()  # set by the first response of the server, whatever it is
        self._unreached = 0
        self._row: list[str] = []  # keys of calls given up since the last answer
        self._failed: Counter[str] = Counter()
        self._gate = RateLimiter(
            concurrency=self._n_slots,
            requests_per_minute=config.requests_per_minute,
            tokens_per_minute=config.tokens_per_minute,
            is_stopping=lambda: bool(self._stop) or self._end is not None,
        )
        provider.attach(self._gate)

    async def ask(self, calls: Sequence[tuple[Call, Outcome]], check: AnswerCheck) -> None:
        """Send waiting calls, each until it is answered or given up; ``check`` says what is wrong with an answer.

        Raises ``ProviderError`` if the provider refuses or cannot be reached, or the cost limit is reached.
        """
        if not calls:
            return
        waiting = deque(calls)
        self._row.clear()
        try:
            n_workers = min(len(waiting), _CALLS_A_SLOT * self._n_slots)
            workers = [asyncio.create_task(self._work(waiting, check))]
            # One call first: a wrong key or address costs no more than that.
            contact = asyncio.create_task(self._contact.wait())
            await asyncio.wait([contact, *workers], return_when=asyncio.FIRST_COMPLETED)
            contact.cancel()
            workers += [asyncio.create_task(self._work(waiting, check)) for _ in range(n_workers - 1)]
            await asyncio.gather(*workers)
        finally:
            await self._provider.close()
        if self._end is not None:
            raise self._end

    async def _work(self, waiting: deque[tuple[Call, Outcome]], check: AnswerCheck) -> None:
        while waiting and not self._stop and self._end is None:
            call, outcome = waiting.popleft()
            try:
                await self._until_settled(call, outcome, check)
            except StopWaitingError:
                return
            except Exception as error:
                self._end = self._end or error
                return

    async def _until_settled(self, call: Call, outcome: Outcome, check: AnswerCheck) -> None:
        n_refusals, n_malformed, rejected = outcome.n_refusals, outcome.n_malformed, outcome.rejected
        try:
            async for attempt in retrying(max(1, ATTEMPTS - outcome.n_attempts), self._gate.sleep):
                with attempt:
                    answer = await self._send_once(self._remind(call, rejected) if rejected else call)
                    if fault := check(call, answer):
                        n_refusals += fault == REFUSAL
                        if fault != REFUSAL:
                            n_malformed, rejected = n_malformed + 1, Rejected(fault, answer)
                        ends = n_refusals >= REFUSALS or n_malformed >= MALFORMED
                        raise CallError(fault, answer.text, scope="call" if ends else "again")
        except CallError as error:
            if error.scope == "run":
                raise self._refused(error) from None
            self._give_up(call, error)
        except CostLimitError:
            raise ProviderError(
                f"--max-cost: the next call could cost more than what is left; the answers in this run folder have cost "
                f"{self._costs.cost:.4f} so far",
                hint="every answer so far is kept; the same command with a higher --max-cost goes on from there",
            ) from None
        else:
            self._row.clear()
            self._report(1, self._failed)

    async def _send_once(self, call: Call) -> Answer:
        """Send a call within all limits, and keep its answer."""
        room = self._room.of(call)
        call = call._replace(params={**call.params, "max_tokens": room})
        await self._gate.enter(prompt_tokens(call) + room)
        async with self._gate.slot(), self._costs.reserve(call, room):
            answer = await self._send(call)
            self._costs.add(answer)
            self._room.measure(answer)
            await self._store.record(call.key, Attempt(ANSWER, answer))
        self._report(0, self._failed)
        return answer

    async def _send(self, call: Call) -> Answer:
        """Send a call once; a failure is stored and raised."""
        while (result := await self._try(call)) is None:
            await self._gate.reopened()
        if isinstance(result, Answer):
            self._contact.set()
            self._gate.answered()
            return result
        if result.retry_after is not None:
            self._gate.pause(result.retry_after)
            if result.retry_after > self._config.max_wait_s:
                raise CallError(result.kind, str(result), scope="run", retry_after=result.retry_after)
        if result.kind == "timeout":
            self._gate.late()
        if result.scope != "run":
            await self._store.record(call.key, Attempt(result.kind, Answer(str(result))))
        self._note_contact(call, result)
        raise result

    async def _try(self, call: Call) -> Answer | CallError | None:
        """Return an answer or a failure; None if the gate closed before anything was sent."""
        started = time.monotonic()
        try:
            if self._provider.is_local:  # a thread that computes cannot be called off
                return await self._provider.ask(call)
            async with self._waiting.limit(int(call.params["max_tokens"])) as count:
                answer = await self._provider.ask(call)
                count(answer.completion_tokens)
        except Exception as error:
            held_back = any(isinstance(cause, HeldBackError) for cause in causes(error))
            return None if held_back else classify(error)
        finally:
            self.seconds[call.key] = self.seconds.get(call.key, 0.0) + time.monotonic() - started
        return answer

    def _note_contact(self, call: Call, failure: CallError) -> None:
        """Stop the run if the server was never reached; one that fails now and then is tried again."""
        if failure.kind != "unreachable":
            self._contact.set()
        elif not self._contact.is_set():
            self._unreached += 1
            if self._unreached >= _UNREACHED:
                self._store.renew([call.key])
                raise CallError("unreachable", str(failure), scope="run")

    def _give_up(self, call: Call, error: CallError) -> None:
        self._failed[error.kind] += 1
        self._report(1, self._failed)
        if error.kind in TRANSPORT or error.kind == "bad_request":
            self._row.append(call.key)
        if len(self._row) >= _GIVEN_UP_IN_A_ROW:
            # They will be sent again when the server is well.
            self._store.renew(self._row)
            raise self._refused(CallError(error.kind, str(error), scope="run"))

    def _refused(self, error: CallError) -> ProviderError:
        expected, hint = _EXPLAINED.get(error.kind, ("answers", "try again later"))
        if error.retry_after is not None:
            hint = f"it asks to wait {error.retry_after / 60:.0f} minutes; start again then"
        return ProviderError(
            f"{self._provider.name}: expected {expected}, found {error.kind.replace('_', ' ')}: {error}",
            hint=f"{hint}; every answer so far is kept, and the same command goes on from there",
        )


_EXPLAINED = {
    "unauthorized": ("a key that is accepted", "check the key in the environment, and that it may use this model"),
    "redirected": ("an answer of the server at --base-url itself", "if you trust that address, give it as --base-url"),
    "quota": ("credit", "add credit at the provider, or use another one"),
    "not_found": ("a model at this address", "check the model's name and --base-url, which mostly ends in /v1"),
    "unreachable": ("a server", "check --base-url and that the server is running"),
    "bad_request": ("a request that the server takes", "check the model's name and settings such as llm.max_tokens"),
    "rate_limit": ("calls to be let through", "lower llm.requests_per_minute or llm.concurrency"),
}  # fmt: skip
