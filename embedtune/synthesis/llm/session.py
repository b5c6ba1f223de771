"""Calls of a language model for a dataset: plan, preview, and the session that sends them and stores the answers."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from embedtune.config.settings import LLM_ASKING, GenerateConfig, LlmConfig
from embedtune.errors import StoppedError
from embedtune.llm.batch_files import read_answers
from embedtune.llm.cost import CostTracker, Prices, prompt_tokens
from embedtune.llm.dispatcher import Dispatcher
from embedtune.llm.failures import AnswerCheck, Outcome, outcome_of
from embedtune.llm.providers import Provider, describe, load_provider
from embedtune.llm.store import ANSWER, Answer, AnswerStore, Attempt, Call, Message, make_call
from embedtune.machine import in_words
from embedtune.progress import track_with_note
from embedtune.project.records import LlmCosts
from embedtune.signals import catch_stop
from embedtune.synthesis.llm.answer_form import BEST, RELEVANT, grades_schema, queries_schema, tokens_for
from embedtune.synthesis.llm.examples import read_examples
from embedtune.synthesis.llm.filters import drop_injections
from embedtune.synthesis.llm.prompts import Prompts, Request, Wanted, choose_examples, delimiter_for, plan_requests
from embedtune.synthesis.llm.reminders import remind
from embedtune.synthesis.llm.replies import read_grades
from embedtune.synthesis.query_sampler import PassagePool
from embedtune.synthesis.writer.form import plan_writing, writer_prompt
from embedtune.text.hashing import fingerprint, hash_folder, hash_json
from embedtune.text.language import language_of
from embedtune.types import SPLITS, Passage

WRITE, JUDGE, RELABEL = "write", "judge", "relabel"
_PATHS = frozenset({"adapter", "examples", "templates"})  # their bytes count, not where they lie
_SEEDS = 2**31


class PlannedCall(NamedTuple):
    """A request and the call that makes it."""

    request: Request
    call: Call


class LlmSettings:
    """Settings, templates, the user's own queries and the model of a run; it builds all calls."""

    def __init__(self, config: LlmConfig, seed: int) -> None:
        """Read the files that the settings name, and name the model; nothing is loaded or sent.

        Raises ``ConfigError`` if a name, an address or a template, ``DataError`` if the examples cannot be used.
        """
        self.config = config
        self.prompts = Prompts(Path(config.templates) if config.templates else None)
        self.examples = read_examples(Path(config.examples)) if config.examples else []
        self.model = describe(config)
        self._seed = seed

    def identity(self) -> dict[str, object]:
        """Return what answers depend on besides the settings."""
        values: dict[str, object] = {
            "templates": self.prompts.hash,
            "examples": hash_json(self.examples),
            "model": self.model.model,
        }
        folder = Path(self.config.cross_encoder)
        if self.config.relabel == "cross-encoder" and folder.is_dir():
            values["cross_encoder"] = hash_json(hash_folder(folder))
        return values

    def plan(self, pool: PassagePool) -> tuple[list[PlannedCall], int]:
        """Return the calls that write queries, in a fixed order, and how many passages were left out as orders to a model.

        Models that do not chat are asked for one query in each call, in the plain template.
        """
        config, planned, n_screened = self.config, list[PlannedCall](), 0
        for split in SPLITS:
            passages = _distinct(pool, split)
            if config.screen:
                passages, n_suspicious = drop_injections(passages)
                n_screened += n_suspicious
            passages = _limited(passages, config.limit, len(pool.split.of_passage), self._seed)
            if self.model.answer_tokens:
                planned += [
                    PlannedCall(request, self._ask_writer(request, number))
                    for request, number in plan_writing(passages, config.per_passage)
                ]
                continue
            requests = plan_requests(
                passages,
                weights_of(config, split),
                per_passage=config.per_passage,
                long_share=config.long_share,
                seed=self._seed,
                single_query=not self.model.chats,
            )
            planned += [PlannedCall(request, self.write(request)) for request in requests]
        return planned, n_screened

    def judge(self, passages: Sequence[Passage], queries: Sequence[str]) -> Call:
        """Return the call that grades queries of a passage."""
        delimiter = delimiter_for(self._seed, [passage.full_text for passage in passages])
        prompt = self.prompts.judge(passages, queries, delimiter=delimiter)
        return self._call(prompt, JUDGE, grades_schema(len(queries), BEST))

    def relabel(self, query: str, passages: Sequence[Passage]) -> Call:
        """Return the call that asks which passages answer a query."""
        texts = [passage.full_text for passage in passages]
        prompt = self.prompts.relabel(query, texts, delimiter=delimiter_for(self._seed, texts))
        return self._call(prompt, RELABEL, grades_schema(len(texts), RELEVANT))

    def _ask_writer(self, request: Request, number: int) -> Call:
        """Return the call of a tuned writer: no rules and no schema, it has learned its form; the seed tells calls apart."""
        (passage,) = request.passages
        seed = fingerprint(f"{self._seed}:{passage.passage_id}:{request.wanted[0].kind}:{number}") % _SEEDS
        params = {"temperature": self.config.temperature, "max_tokens": self.model.answer_tokens or 0, "seed": seed}
        return make_call(self.model.model, writer_prompt(passage.full_text), params, WRITE)

    def write(self, request: Request) -> Call:
        """Return the call that asks for the queries of a request."""
        texts = [passage.full_text for passage in request.passages]
        prompt = self.prompts.write(
            request,
            delimiter=delimiter_for(self._seed, texts),
            examples=choose_examples(self.examples, self.config.n_examples, self._seed, request.passages[0].passage_id),
            language=(language_of("\n".join(texts)) or "").capitalize() or None,
            plain=not self.model.chats,
        )
        return self._call(prompt, WRITE, queries_schema(request.wanted))

    def go_on(self, messages: Sequence[Message], want: Wanted) -> Call:
        """Return the call that goes on with a text that ends where a query is due; see ``shots.turns``."""
        params = {
            "temperature": self.config.temperature,
            "max_tokens": tokens_for(queries_schema([want]), framed=False),
        }
        return make_call(self.model.model, messages, params, WRITE, continues=True)

    def _call(self, prompt: str, purpose: str, schema: dict[str, Any]) -> Call:
        # Grades are read and not varied.
        temperature = self.config.temperature if purpose == WRITE else 0.0
        params = {"temperature": temperature, "max_tokens": self.config.max_tokens or tokens_for(schema)}
        plain = purpose == WRITE and not self.model.chats
        messages = [] if plain else [Message("system", self.prompts.system())]
        return make_call(self.model.model, [*messages, Message("user", prompt)], params, purpose, schema)


def weights_of(config: LlmConfig, split: str) -> dict[str, float]:
    """Return the weights of a split's kinds: the held-out kind is for dev and test only."""
    held_out = config.held_out_kind
    if held_out is None or not config.kinds.get(held_out, 0) > 0:
        return {str(kind): weight for kind, weight in config.kinds.items()}
    return {str(kind): weight for kind, weight in config.kinds.items() if (kind == held_out) == (split != "train")}


def asks_llm(config: GenerateConfig) -> bool:
    """Return whether a language model is to write queries."""
    return config.generator == "llm" and config.queries_from != "source"


def identity_settings(config: GenerateConfig) -> dict[str, object]:
    """Return the settings that determine a dataset; the source has a hash of its own."""
    without_llm: set[str] | bool = set(LLM_ASKING | _PATHS) if asks_llm(config) else True
    return config.model_dump(
        mode="json", exclude={"source": True, "labels": True, "reading": True, "strict": True, "llm": without_llm}
    )


def _distinct(pool: PassagePool, split: str) -> list[Passage]:
    """Return the passages of a split, of near-duplicates only the first."""
    seen: set[str] = set()
    kept = []
    for passage in pool.of_split(split):
        if passage.passage_id not in seen:
            kept.append(passage)
            seen.update(pool.copies[passage.passage_id])
    return kept


def _limited(passages: list[Passage], limit: int | None, n_all: int, seed: int) -> list[Passage]:
    """Sample a split's share of ``limit`` passages, at least two, in document order."""
    if limit is None or not passages:
        return passages
    n_kept = max(2, round(limit * len(passages) / max(1, n_all)))
    drawn = sorted(passages, key=lambda passage: fingerprint(f"{seed}:limit:{passage.passage_id}"))[:n_kept]
    kept = {passage.passage_id for passage in drawn}
    return [passage for passage in passages if passage.passage_id in kept]


_QUERY_TOKENS = 22  # of an answer for each query, JSON included
_FRAME_TOKENS = 12
_CALL_S, _AT_ONCE = 3.0, 8  # of one call, and calls at once, where no rate is given: a guess


def preview(
    planned: Sequence[PlannedCall], outcomes: dict[str, Outcome], config: LlmConfig, n_screened: int
) -> dict[str, object]:
    """Return size and cost of the calls that write queries; those that grade and relabel depend on the answers."""
    unique = {planned_call.call.key: planned_call for planned_call in planned}
    waiting = [planned_call for key, planned_call in unique.items() if outcomes[key].waits]
    prompt = sum(prompt_tokens(planned_call.call) for planned_call in waiting)
    likely = sum(_FRAME_TOKENS + _QUERY_TOKENS * len(planned_call.request.wanted) for planned_call in waiting)
    most_tokens = sum(int(planned_call.call.params["max_tokens"]) for planned_call in waiting)
    n_queries = sum(len(planned_call.request.wanted) for planned_call in planned)
    prices = Prices(config.price_input, config.price_output)
    seconds = [_CALL_S * len(waiting) / min(config.concurrency, _AT_ONCE)]
    for amount, rate in ((len(waiting), config.requests_per_minute), (prompt + likely, config.tokens_per_minute)):
        if rate is not None:
            seconds.append(60 * amount / rate)
    return {
        "passages": len({passage.passage_id for planned_call in planned for passage in planned_call.request.passages}),
        "screened_passages": n_screened,
        "queries": n_queries,
        "calls": len(unique),
        "cached": sum(outcome.answer is not None for outcome in outcomes.values()),
        "given_up": sum(outcome.failure is not None for outcome in outcomes.values()),
        "to_ask": len(waiting),
        "further_calls_at_most": len(unique) * config.judge + n_queries * (config.relabel == "llm"),
        "prompt_tokens": prompt,
        "completion_tokens": likely,
        "price": round(prices.of(prompt, likely), 4) if prices.known else None,
        "price_at_most": round(prices.of(prompt, most_tokens), 4) if prices.known else None,
        "seconds": round(max(seconds)),
    }


STORE = ".llm.sqlite"
ANSWERS = "llm.sqlite"
_log = logging.getLogger("embedtune")


class Watch(Protocol):
    """Counts what answers are good for while they come; as text, the counts so far."""

    def add(self, call: Call, answer: Answer) -> None:
        """Count an answer."""
        ...

    def require_use(self, model: str) -> None:
        """Raise ``ProviderError`` if answers of this model are of no use."""
        ...


class PendingError(Exception):
    """Raised with the calls that would be sent now."""

    def __init__(self, calls: list[Call]) -> None:
        super().__init__(f"{len(calls)} calls")
        self.calls = calls


class LlmSession:
    """The language model of one run."""

    def __init__(self, config: LlmConfig, store: AnswerStore, *, collect: bool = False) -> None:
        """Send calls by the settings, and keep answers in a store; with ``collect`` nothing is sent (see ``PendingError``)."""
        self._config = config
        self.collects = collect
        self._prices = Prices(config.price_input, config.price_output)
        self.store = store  # every answer of the run folder
        self.calls: dict[str, tuple[Call, Outcome]] = {}  # by key, those of this dataset and their states
        self.rejected: Counter[str] = Counter()  # answers, by fault
        self.seconds: dict[str, float] = {}  # that calls of this process took until they were settled, by key

    @cached_property
    def provider(self) -> Provider:
        """The provider, created on first use."""
        return load_provider(self._config)

    def outcomes(self, calls: Sequence[Call], check: AnswerCheck) -> dict[str, Outcome]:
        """Return the states of calls by the answers in the store."""
        unique = {call.key: call for call in calls}
        histories = self.store.histories(list(unique))
        return {key: outcome_of(call, histories.get(key, ()), check) for key, call in unique.items()}

    def ask(
        self, calls: Sequence[Call], check: AnswerCheck, what: str, *, watch: Watch | None = None
    ) -> dict[str, Outcome]:
        """Send the calls without an answer, equal ones once; return the states of all by key.

        ``watch`` counts what the answers are good for, those from before the call first.

        Raises:
            ProviderError: If the provider refuses, the cost limit is reached, or ``watch`` finds no use; all answers are kept.
            StoppedError: After Ctrl-C or SIGTERM; the calls in flight were finished and kept.
            PendingError: Instead of sending, if calls are collected.
        """
        unique = {call.key: call for call in calls}
        self.store.register(unique.values())
        outcomes = self.outcomes(calls, check)
        if self._config.retry_errors:
            self.store.renew([key for key, outcome in outcomes.items() if outcome.failure])
            outcomes = self.outcomes(calls, check)
        waiting = [(unique[key], outcome) for key, outcome in outcomes.items() if outcome.waits]
        if waiting and self.collects:
            raise PendingError([call for call, _ in waiting])
        if waiting:
            for key, outcome in outcomes.items():
                if watch and outcome.answer and key not in self.calls:  # which were counted as they came
                    watch.add(unique[key], outcome.answer)
            self._send(waiting, check, what, n_known=len(outcomes) - len(waiting), watch=watch)
            outcomes = self.outcomes(calls, check)
        for key, history in self.store.histories(list(unique)).items():
            faults = (
                check(unique[key], attempt.answer) if attempt.outcome == ANSWER else attempt.outcome
                for attempt in history
            )
            self.rejected.update(filter(None, faults))
        self.calls |= {key: (unique[key], outcome) for key, outcome in outcomes.items()}
        return outcomes

    def ask_grades(self, calls: Sequence[tuple[Call, int]], most: int, what: str) -> dict[str, list[int] | None]:
        """Send calls for so many grades from 0 to ``most``; return the grades by key, None for a call that failed."""
        sizes = {call.key: n_grades for call, n_grades in calls}

        def read(call: Call, answer: Answer) -> tuple[list[int], str | None]:
            return read_grades(answer.text, finish=answer.finish, n=sizes[call.key], most=most)

        outcomes = self.ask([call for call, _ in calls], lambda call, answer: read(call, answer)[1], what)
        answers = ((call, outcomes[call.key].answer) for call, _ in calls)
        return {call.key: read(call, answer)[0] if answer else None for call, answer in answers}

    def costs(self) -> LlmCosts:
        """Return tokens and cost of all answers of the run folder, used or not, and the rejected ones."""
        prompt, completion = self.store.tokens()
        return LlmCosts(
            rejected_answers=dict(sorted(self.rejected.items())),
            prompt_tokens=prompt,
            completion_tokens=completion,
            cost=round(self._prices.of(prompt, completion), 6) if self._prices.known else None,
        )

    def _send(
        self,
        waiting: Sequence[tuple[Call, Outcome]],
        check: AnswerCheck,
        what: str,
        *,
        n_known: int,
        watch: Watch | None,
    ) -> None:
        provider = self.provider

        def checked(call: Call, answer: Answer) -> str | None:
            if watch:
                watch.add(call, answer)
                watch.require_use(provider.name)
            return check(call, answer)

        if n_known:
            _log.info("%s: %d calls are settled already, %d are to be sent", what, n_known, len(waiting))
        prompt, completion = self.store.tokens()
        costs = CostTracker(
            self._prices, max_cost=self._config.max_cost, prompt_tokens=prompt, completion_tokens=completion
        )
        with (
            track_with_note(what, len(waiting)) as show,
            catch_stop("the calls in flight are finished and saved") as stop,
        ):
            dispatcher = Dispatcher(
                provider,
                self.store,
                self._config,
                costs,
                stop=stop,
                on_progress=lambda finished, failed: show(finished, self._note(failed, costs, watch)),
                **({"remind": remind} if provider.chats else {}),
            )
            asyncio.run(dispatcher.ask(waiting, checked))
        self.seconds |= dispatcher.seconds
        if stop.signal_number is not None:
            raise StoppedError(f"{self.store.path.parent}: stopped; every answer so far is kept", stop.signal_number)

    def _note(self, failed: Counter[str], costs: CostTracker, watch: Watch | None) -> str:
        tokens = f"{(costs.prompt_tokens + costs.completion_tokens) / 1000:.0f}k tokens"
        failures = (f"{count} calls failed by {name}" for name, count in sorted(failed.items()))
        parts = [*([str(watch)] if watch else []), *failures, tokens]
        if self._prices.known:
            parts.append(f"cost {costs.cost:.4f}")
        return ", ".join(parts)


@contextmanager
def open_session(config: LlmConfig, run: Path, *, collect: bool = False) -> Iterator[LlmSession]:
    """Open the store of a run folder; a missing store starts from the answers of the dataset."""
    run.mkdir(parents=True, exist_ok=True)
    fresh = not (run / STORE).exists()
    with closing(AnswerStore(run / STORE)) as store:
        if fresh and (finished := run / "dataset" / ANSWERS).is_file():
            rows = read_answers(finished)
            store.register(call for call, _ in rows)
            store.add((call.key, Attempt(ANSWER, answer)) for call, answer in rows)
            _log.info("%s: %d answers are taken over (%s)", finished, len(rows), in_words(finished.stat().st_size))
        yield LlmSession(config, store, collect=collect)
