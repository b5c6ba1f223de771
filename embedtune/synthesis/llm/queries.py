"""Queries of a language model: calls, answers, filters, grades, labels."""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from embedtune.config.settings import GenerateConfig
from embedtune.errors import ConfigError, DataError
from embedtune.llm.batch_files import write_answers
from embedtune.llm.failures import AnswerCheck, Outcome
from embedtune.llm.providers import check_access
from embedtune.llm.store import Call, snapshot
from embedtune.models.encoder import Encoder, choose_precision
from embedtune.project.manifest import MANIFEST, read_manifest
from embedtune.project.records import DatasetRecord, LlmCosts, LlmRecord
from embedtune.synthesis.filters import ROUND_TRIP
from embedtune.synthesis.llm.answer_form import BEST
from embedtune.synthesis.llm.examples import compare
from embedtune.synthesis.llm.filters import LlmDraft, WordFilter, cap_documents, filter_by_words
from embedtune.synthesis.llm.forms import LIST, OWN_EXAMPLES, Forms
from embedtune.synthesis.llm.passage_search import PassageSearch
from embedtune.synthesis.llm.relabel import FusedSearch, further_answers
from embedtune.synthesis.llm.replies import read_written
from embedtune.synthesis.llm.session import (
    ANSWERS,
    STORE,
    LlmSession,
    LlmSettings,
    PendingError,
    PlannedCall,
    open_session,
    preview,
)
from embedtune.synthesis.llm.shots import own_shots
from embedtune.synthesis.llm.tally import LiveTally, listed
from embedtune.synthesis.llm.trial import Ask, Chosen, Trial
from embedtune.synthesis.query_sampler import PassagePool
from embedtune.synthesis.statistics import CorpusStatistics
from embedtune.text.hashing import content_id
from embedtune.types import SPLITS, Passage, Query, QuerySet

_GOOD = 4
_log = logging.getLogger("embedtune")


LOOK = "try --limit 10 with another model, and look at the answers in the run folder's .llm.sqlite; --retry-errors asks again"
"""What to do about a model whose answers were of no use."""


class _Work(NamedTuple):
    """What queries are written about and with."""

    pool: PassagePool
    statistics: CorpusStatistics
    encoder: Encoder
    session: LlmSession
    judged: QuerySet | None = None


class LlmQueries:
    """Makes the queries of a dataset with a language model; ``record`` and ``costs`` are set by ``make``."""

    def __init__(self, config: GenerateConfig, run: Path) -> None:
        """Read what the settings name; raises as ``LlmSettings`` does."""
        self.settings = LlmSettings(config.llm, config.seed)
        self.record: LlmRecord | None = None
        self.costs: LlmCosts | None = None
        self._config = config
        self._run = run

    def preview(self, pool: PassagePool) -> dict[str, object]:
        """Return the cost of the calls; known answers are read from a copy of the store."""
        planned, n_screened = self.settings.plan(pool)
        with snapshot(self._run / STORE) as store:
            outcomes = LlmSession(self._config.llm, store).outcomes(
                [planned_call.call for planned_call in planned], query_check(planned)
            )
        return preview(planned, outcomes, self._config.llm, n_screened)

    def asks_again(self, folder: Path) -> bool:
        """Return whether a finished dataset has failed calls that must be sent again."""
        if not (self._config.llm.retry_errors and (folder / MANIFEST).is_file()):
            return False
        llm = read_manifest(folder, DatasetRecord).record.llm
        return bool(llm and llm.failed)

    def check(self) -> None:
        """Raise ``ConfigError`` if a key or a package is missing; a run folder with answers may need none."""
        if not (self._run / STORE).is_file() and not (self._run / "dataset" / ANSWERS).is_file():
            check_access(self._config.llm)

    def make(
        self,
        pool: PassagePool,
        statistics: CorpusStatistics,
        encoder: Encoder,
        folder: Path,
        *,
        judged: QuerySet | None = None,
    ) -> tuple[dict[str, QuerySet], dict[str, int]]:
        """Call the model, filter and label; return queries by split, and how many each filter dropped.

        A model that writes no lists may be shown some of the ``judged`` queries of training, which judge documents. The answers
        go to ``llm.sqlite`` in a folder. Raises ``ProviderError`` if the provider refuses or the cost limit is
        reached, ``StoppedError`` after Ctrl-C or SIGTERM.
        """
        with open_session(self._config.llm, self._run) as session:
            return self._make(_Work(pool, statistics, encoder, session, judged), folder)

    def pending(self, pool: PassagePool, statistics: CorpusStatistics, encoder: Encoder) -> list[Call]:
        """Return the calls that ``make`` would send next, and add them to the store; none when all are answered."""
        with (
            tempfile.TemporaryDirectory(prefix="embedtune-") as scratch,
            open_session(self._config.llm, self._run, collect=True) as session,
        ):
            try:
                self._make(_Work(pool, statistics, encoder, session), Path(scratch))
            except PendingError as pending:
                return pending.calls
        return []

    def _make(self, work: _Work, folder: Path) -> tuple[dict[str, QuerySet], dict[str, int]]:
        pool, session = work.pool, work.session
        planned, n_screened = self.settings.plan(pool)
        form, drafts, n_preambles = self._written(planned, work)
        kept, dropped, extra = self._select(drafts, work)
        if drafts and not kept and self._config.llm.retry_errors:
            session.store.set_aside({draft.call for draft in drafts})
            form, drafts, n_preambles = self._written(planned, work)
            kept, dropped, extra = self._select(drafts, work)
        if drafts and not kept:
            raise DataError(
                f"expected useful queries among {len(drafts)} of the language model, found that the filters drop all: "
                f"{listed(dropped)}",
                hint=LOOK,
            )
        write_answers(folder / ANSWERS, session.calls.values())
        settled = [outcome for _, outcome in session.calls.values()]
        examples = self.settings.examples
        used = [outcome.answer for outcome in settled if outcome.answer]
        self.record = LlmRecord(
            model=self.settings.model.model,
            form=form,
            calls=len(settled),
            answered=len(used),
            failed=dict(sorted(Counter(outcome.failure for outcome in settled if outcome.failure).items())),
            prompt_tokens=sum(answer.prompt_tokens for answer in used),
            completion_tokens=sum(answer.completion_tokens for answer in used),
            screened_passages=n_screened,
            preambles=n_preambles,
            written=len(drafts),
            relabelled=sum(map(len, extra)),
            **({"examples": compare(examples, [draft.text for draft in kept])} if examples else {}),
        )
        self.costs = session.costs()
        _log.info("write queries: %d kept of %d%s", len(kept), len(drafts), self.losses(dropped))
        return _labelled(kept, extra, pool), dropped

    def losses(self, dropped: Mapping[str, int]) -> str:
        """Return what was lost on the way, by reason; nothing if nothing was."""
        record, parts = self.record, list[str]()
        if record and record.failed:
            parts.append(f"{sum(record.failed.values())} of {record.calls} calls failed: {listed(record.failed)}")
        if any(dropped.values()):
            parts.append(f"dropped: {listed(dropped)}")
        return "".join(f"; {part}" for part in parts)

    def _written(self, planned: Sequence[PlannedCall], work: _Work) -> tuple[str, list[LlmDraft], int]:
        """Ask for queries; return the form of most calls, the queries, and the number of answers with text around them."""
        word_filter = WordFilter(work.statistics, max_copied=self._config.llm.max_copied)
        tally = LiveTally({}, word_filter)

        def ask(some: Sequence[PlannedCall]) -> Mapping[str, Outcome]:
            tally.requests |= {call.key: request for request, call in some}
            calls = [each.call for each in sorted(some, key=_beginning)]
            return work.session.ask(calls, query_check(some), "write queries", watch=tally)

        form, chosen = self._choose(planned, work, ask)
        outcomes = ask(chosen)
        drafts, n_preambles = _drafts(chosen, outcomes)
        if chosen and not drafts:
            failed = Counter(str(outcome.failure) for outcome in outcomes.values())
            raise DataError(
                f"expected queries in {len(chosen)} answers of the language model, found none: {listed(failed)}",
                hint=LOOK,
            )
        return form, drafts, n_preambles

    def _choose(self, planned: Sequence[PlannedCall], work: _Work, ask: Ask) -> Chosen:
        """Return how to ask: as the settings say, as the run has begun, or as a trial tells."""
        config, session, search = self._config.llm, work.session, PassageSearch(work.pool)
        if not self.settings.model.chats or config.form == LIST:
            return Chosen(LIST, list(planned))
        pairs = search.with_passages(self.settings.examples, work.judged)
        forms = Forms(self.settings, own_shots(pairs, self._config.seed), self._config.seed)
        if config.form == OWN_EXAMPLES and not pairs:
            raise ConfigError(
                "llm.form: expected own queries for own_examples, found none that a passage of the training split answers",
                hint="give --examples FILE, judged queries of a split train, or another form",
            )
        if config.form != "auto":
            return Chosen(config.form, forms.arrange(planned, config.form, {}))
        side = work.pool.split.of_passage  # dev and test have one kind of query, which tells little about the others
        trial = Trial(
            planned,
            forms,
            self._config.seed,
            is_for_trial=lambda each: side.get(each.request.passages[0].passage_id) == "train",
        )
        begun = session.store.known() and trial.begun(
            lambda some: session.outcomes([each.call for each in some], query_check(some))
        )
        if begun or session.collects or not trial.is_possible:
            return begun or Chosen(LIST, list(planned))

        def usable(some: Sequence[PlannedCall], outcomes: Mapping[str, Outcome]) -> int:
            return search.n_usable(some, outcomes, work.statistics, max_copied=config.max_copied)

        return trial.run(ask, usable, session.seconds)

    def _select(self, drafts: list[LlmDraft], work: _Work) -> tuple[list[LlmDraft], dict[str, int], list[list[str]]]:
        """Filter by words, by search and by judge, cap documents, and look for further answers."""
        config = self._config.llm
        kept, dropped = filter_by_words(drafts, work.statistics, max_copied=config.max_copied)
        search = FusedSearch(
            work.pool.passages,
            Encoder(work.encoder.model, precision=choose_precision("auto")),
            window_tokens=self._config.window_tokens,
            window_overlap=self._config.window_overlap,
        )
        retrieved = _retrieved(kept, search, work.pool)
        dropped["round_trip"] = len(kept) - len(retrieved)
        if config.judge:
            kept, retrieved = retrieved, self._judged(retrieved, work.session)
            dropped["judge"] = len(kept) - len(retrieved)
        capped = cap_documents(retrieved, config.max_per_document)
        dropped |= capped.dropped
        if config.relabel == "none":
            return capped.kept, dropped, [[] for _ in capped.kept]
        return capped.kept, dropped, further_answers(capped.kept, search, self.settings, work.session, work.pool.copies)

    def _judged(self, drafts: Sequence[LlmDraft], session: LlmSession) -> list[LlmDraft]:
        """Keep the queries that the model grades 4 or 5; those of a call that failed are kept."""
        by_call: dict[str, list[LlmDraft]] = {}
        for draft in drafts:
            by_call.setdefault(draft.call, []).append(draft)
        calls = {
            key: self.settings.judge(group[0].passages, [draft.text for draft in group])
            for key, group in by_call.items()
        }
        sizes = [(calls[key], len(group)) for key, group in by_call.items()]
        grades_of = session.ask_grades(sizes, BEST, "judge queries")
        kept = []
        for key, group in by_call.items():
            grades = grades_of[calls[key].key] or [BEST] * len(group)
            kept += [draft for draft, grade in zip(group, grades, strict=True) if grade >= _GOOD]
        return kept


def query_check(planned: Sequence[PlannedCall]) -> AnswerCheck:
    """Return the check of answers to planned calls: each must have as many queries as were requested."""
    sizes = {planned_call.call.key: len(planned_call.request.wanted) for planned_call in planned}
    return lambda call, answer: read_written(call, answer, sizes[call.key]).fault


def _beginning(planned: PlannedCall) -> str:
    """Sort calls that go on with a text by what it begins with, so that a server reads it once; others stay in order."""
    return planned.request.wanted[0].kind if planned.call.continues else ""


def _drafts(planned: Sequence[PlannedCall], outcomes: Mapping[str, Outcome]) -> tuple[list[LlmDraft], int]:
    """Read the answers in the order of the plan; also return the number of those with text around their queries."""
    drafts, n_preambles = [], 0
    for request, call in planned:
        if answer := outcomes[call.key].answer:
            reading = read_written(call, answer, len(request.wanted))
            n_preambles += reading.preamble
            drafts += [
                LlmDraft(text, want.kind, request.passages, call.key)
                for text, want in zip(reading.texts, request.wanted, strict=True)
            ]
    return drafts, n_preambles


def _retrieved(drafts: Sequence[LlmDraft], search: FusedSearch, pool: PassagePool) -> list[LlmDraft]:
    """Keep the queries whose sources are among the fused top twenty."""
    column = {passage.passage_id: number for number, passage in enumerate(pool.passages)}

    def columns(passage: Passage) -> list[int]:
        return [column[name] for name in pool.copies[passage.passage_id] if name in column]

    sources = [[columns(passage) for passage in draft.passages] for draft in drafts]
    ranks = search.ranks([draft.text for draft in drafts], sources)
    return [draft for draft, rank in zip(drafts, ranks, strict=True) if rank <= ROUND_TRIP]


def _labelled(drafts: Sequence[LlmDraft], extra: Sequence[Sequence[str]], pool: PassagePool) -> dict[str, QuerySet]:
    """Build query sets; a training query gets no relevant passage of another split."""
    queries = {name: QuerySet(name, [], {}, "passage") for name in SPLITS}
    side = pool.split.of_passage
    for draft, more in zip(drafts, extra, strict=True):
        sources = [passage.passage_id for passage in draft.passages]
        split = side[sources[0]]
        answers = [*sources, *(name for name in more if split != "train" or side.get(name) == "train")]
        query_id = content_id("q", draft.kind, *sources, draft.text)
        if query_id not in queries[split].qrels:
            queries[split].queries.append(Query(query_id, draft.text, draft.kind))
            queries[split].qrels[query_id] = {name: 1 for answer in answers for name in pool.copies[answer]}
    return queries
