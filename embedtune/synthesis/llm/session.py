"""The language model of a run folder: one durable store, one tracker of costs, one way to stop."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from embedtune.config.settings import LlmConfig
from embedtune.errors import StoppedError
from embedtune.llm.batch_files import read_answers, write_answers
from embedtune.llm.cost import CostTracker, Prices
from embedtune.llm.dispatcher import Dispatcher, Settings, Status
from embedtune.llm.failures import AnswerCheck, Outcome, outcome_of
from embedtune.llm.providers import Access, Provider, load_provider
from embedtune.llm.store import ANSWER, AnswerStore, Attempt, Call
from embedtune.machine import in_words
from embedtune.progress import track_with_note
from embedtune.project.records import ExamplesRecord, LlmCosts, LlmRecord
from embedtune.signals import catch_stop
from embedtune.synthesis.llm.plan import SCHEMAS

STORE = ".llm.sqlite"
ANSWERS = "llm.sqlite"
_log = logging.getLogger("embedtune")


class PendingError(Exception):
    """Calls that would be sent now."""

    def __init__(self, calls: list[Call]) -> None:
        super().__init__(f"{len(calls)} calls")
        self.calls = calls


class LlmSession:
    """The language model of one run.

    Attributes:
        store: Every answer of the run folder.
        asked: By key, all calls of this dataset and how they stand.
        rejected: Answers that were set aside, by what was wrong with them.
    """

    def __init__(self, config: LlmConfig, store: AnswerStore, *, collect: bool = False) -> None:
        """Ask by settings, and keep everything in a store; with ``collect`` nothing is sent (see ``PendingError``)."""
        self._config = config
        self._collect = collect
        self._provider: Provider | None = None
        self._prices = Prices(config.price_input, config.price_output)
        self.store = store
        self.calls: dict[str, tuple[Call, Outcome]] = {}
        self.rejected: Counter[str] = Counter()

    @property
    def provider(self) -> Provider:
        """The provider; made when it is first needed."""
        if self._provider is None:
            self._provider = load_provider(access_of(self._config))
        return self._provider

    def outcomes(self, calls: Sequence[Call], check: AnswerCheck) -> dict[str, Outcome]:
        """Return how calls stand by what the store holds."""
        unique = {call.key: call for call in calls}
        histories = self.store.histories(list(unique))
        return {key: outcome_of(call, histories.get(key, ()), check) for key, call in unique.items()}

    def ask(self, calls: Sequence[Call], check: AnswerCheck, what: str) -> dict[str, Outcome]:
        """Ask what is not answered yet; return how every call stands by key.

        Args:
            calls: What to ask; equal calls are asked once.
            check: Tells what is wrong with an answer.
            what: For the display.

        Raises:
            ProviderError: If the provider refuses, or the cost limit is reached; all answers are kept.
            StoppedError: After Ctrl-C or SIGTERM; the calls in flight were finished and kept.
            PendingError: In place of sending, when calls are collected.
        """
        unique = {call.key: call for call in calls}
        self.store.register(unique.values())
        outcomes = self.outcomes(calls, check)
        if self._config.retry_errors:
            self.store.renew([key for key, outcome in outcomes.items() if outcome.failure])
            outcomes = self.outcomes(calls, check)
        waiting = [(unique[key], outcome) for key, outcome in outcomes.items() if outcome.waits]
        if waiting and self._collect:
            raise PendingError([call for call, _ in waiting])
        if waiting:
            self._send(waiting, check, what, n_known=len(outcomes) - len(waiting))
            outcomes = self.outcomes(calls, check)
        self._count(unique, check)
        self.calls |= {key: (unique[key], outcome) for key, outcome in outcomes.items()}
        return outcomes

    def write(self, path: Path) -> None:
        """Write the answers of this dataset with stable bytes."""
        write_answers(path, self.calls.values())

    def record(
        self,
        *,
        model: str,
        screened_passages: int,
        preambles: int,
        written: int,
        relabelled: int,
        examples: ExamplesRecord | None,
    ) -> LlmRecord:
        """Return what follows from the answers alone: the same whatever failed on the way; for the fields see there."""
        outcomes = [outcome for _, outcome in self.calls.values()]
        answers = [outcome.answer for outcome in outcomes if outcome.answer]
        optional = {"examples": examples} if examples else {}
        return LlmRecord(
            model=model,
            calls=len(outcomes),
            answered=len(answers),
            failed=dict(sorted(Counter(outcome.failure for outcome in outcomes if outcome.failure).items())),
            prompt_tokens=sum(answer.prompt_tokens for answer in answers),
            completion_tokens=sum(answer.completion_tokens for answer in answers),
            screened_passages=screened_passages,
            preambles=preambles,
            written=written,
            relabelled=relabelled,
            **optional,
        )

    def costs(self) -> LlmCosts:
        """Return what the run folder has paid for, used or not, and what was rejected."""
        prompt, completion = self.store.tokens()
        cost = round(self._prices.of(prompt, completion), 6) if self._prices.known else None
        return LlmCosts(
            rejected_answers=dict(sorted(self.rejected.items())),
            prompt_tokens=prompt,
            completion_tokens=completion,
            cost=cost,
        )

    def _send(self, waiting: Sequence[tuple[Call, Outcome]], check: AnswerCheck, what: str, *, n_known: int) -> None:
        provider = self.provider
        if n_known:
            _log.info("%s: %d calls are settled already, %d are to be asked", what, n_known, len(waiting))
        prompt, completion = self.store.tokens()
        costs = CostTracker(
            self._prices, max_cost=self._config.max_cost, prompt_tokens=prompt, completion_tokens=completion
        )
        settings = Settings(**{name: getattr(self._config, name) for name in Settings._fields})
        with (
            track_with_note(what, len(waiting)) as show,
            catch_stop("the calls in flight are finished and saved") as stop,
        ):
            dispatcher = Dispatcher(
                provider,
                self.store,
                settings,
                costs,
                stop=stop,
                on_progress=lambda status: show(status.finished, self._note(status)),
            )
            asyncio.run(dispatcher.ask(waiting, check))
        if stop.signal_number is not None:
            raise StoppedError(f"{self.store.path.parent}: stopped; every answer so far is kept", stop.signal_number)

    def _note(self, status: Status) -> str:
        costs = status.costs
        tokens = f"{(costs.prompt_tokens + costs.completion_tokens) / 1000:.0f}k tokens"
        parts = [*(f"{count} failed by {name}" for name, count in sorted(status.failed.items())), tokens]
        if self._prices.known:
            parts.append(f"cost {costs.cost:.4f}")
        return ", ".join(parts)

    def _count(self, calls: dict[str, Call], check: AnswerCheck) -> None:
        for key, history in self.store.histories(list(calls)).items():
            for attempt in history:
                fault = check(calls[key], attempt.answer) if attempt.outcome == ANSWER else attempt.outcome
                if fault:
                    self.rejected[fault] += 1


@contextmanager
def open_session(config: LlmConfig, run: Path, *, collect: bool = False) -> Iterator[LlmSession]:
    """Open the store of a run folder; one whose store is gone starts from the answers of its dataset."""
    run.mkdir(parents=True, exist_ok=True)
    fresh = not (run / STORE).exists()
    store = AnswerStore(run / STORE)
    try:
        if fresh and (finished := run / "dataset" / ANSWERS).is_file():
            rows = read_answers(finished)
            store.register(call for call, _ in rows)
            store.add((call.key, Attempt(ANSWER, answer)) for call, answer in rows)
            _log.info("%s: %d answers are taken over (%s)", finished, len(rows), in_words(finished.stat().st_size))
        yield LlmSession(config, store, collect=collect)
    finally:
        store.close()


def access_of(config: LlmConfig) -> Access:
    """Return how the settings reach their provider."""
    return Access(
        config.name or "",
        base_url=config.base_url,
        key_variable=config.key_variable,
        schemas=SCHEMAS,
        timeout_s=config.timeout_s,
        quantize=config.quantize,
        params={"temperature": config.temperature, "max_tokens": config.max_tokens},
    )
