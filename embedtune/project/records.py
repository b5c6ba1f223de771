"""What the stages of a run record: typed here, JSON on disk.

A record is written with the fields that were set, under the names of the files (``docs/files.md``); it is read back by
``Record.from_json``. ``Comparison`` is the one form in which two systems are compared, in files and in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Side = Literal["base", "tuned"]
"""The untuned model, or what training made of it."""

Measures = dict[str, float]
"""Measure → mean over queries, in [0, 1]."""


class Record(BaseModel):
    """Facts that are stored as JSON; immutable."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> Self:
        """Read a record from JSON values.

        Raises:
            pydantic.ValidationError: If a field is missing or of another type.
        """
        return cls.model_validate(values)

    def as_json(self) -> dict[str, object]:
        """Return the fields that were set as JSON values, under the names of the files."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


# ── dataset ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class WindowRecord(Record):
    """How passages fit the windows of the model.

    Attributes:
        tokens: Size of a window.
        model_tokens: Tokens that the model itself can take.
        corpus_tokens: Tokens of all passages.
        windows: Number of windows.
        share_lost_by_truncation: Share of tokens that truncation at the model's window would lose.
        share_lost: Share of tokens that windows lose.
    """

    tokens: int
    model_tokens: int
    corpus_tokens: int = 0
    windows: int = 0
    share_lost_by_truncation: float
    share_lost: float


class LengthComparison(Record):
    """Median number of words, and the share of LLM-generated queries within the range of the examples."""

    examples: float
    written: float | None
    written_in_range: float


class FormComparison(Record):
    """Shares of questions, keywords and statements, and their overlap (1 means equal)."""

    examples: dict[str, float]
    written: dict[str, float]
    overlap: float


class ExamplesRecord(Record):
    """How close LLM-generated queries come to the user's examples.

    Attributes:
        n_examples: Number of examples.
        words: Lengths.
        forms: Forms.
        vocabulary: Share of the examples' terms that the generated queries use.
    """

    n_examples: int
    words: LengthComparison
    forms: FormComparison
    vocabulary: float


class LlmRecord(Record):
    """What follows from the answers of a language model, whatever failed on the way.

    Attributes:
        model: Name of the model.
        calls: Number of calls.
        answered: Calls with a usable answer.
        failed: Failure → number of calls.
        prompt_tokens: Tokens sent.
        completion_tokens: Tokens received.
        screened_passages: Passages left out because they contain instructions to a model.
        preambles: Answers whose introductory words were cut off.
        written: Queries generated.
        relabelled: Further relevant passages found.
        examples: Comparison with the user's examples, if there are any.
    """

    model: str
    calls: int
    answered: int
    failed: dict[str, int]
    prompt_tokens: int
    completion_tokens: int
    screened_passages: int
    preambles: int
    written: int
    relabelled: int
    examples: ExamplesRecord | None = None


class LlmCosts(Record):
    """What a run folder has paid for.

    Attributes:
        rejected_answers: Reason → answers that were rejected.
        prompt_tokens: Tokens sent.
        completion_tokens: Tokens received.
        cost: In the currency of the settings; None without prices.
    """

    rejected_answers: dict[str, int]
    prompt_tokens: int
    completion_tokens: int
    cost: float | None


class DatasetRecord(Record):
    """What ``generate`` made.

    Attributes:
        source: Name of the source.
        documents: Documents read.
        skipped: Files not read.
        passages: Passages of the corpus.
        identical_passages: Passages whose text an earlier one has already.
        drawn_from_passages: Passages from which queries were made.
        forgotten_terms: Whether rare terms were dropped from the statistics to save memory.
        split_by: ``document`` or ``section``.
        near_duplicate_documents: Documents that are near-duplicates of others.
        queries: Split → kind → number of queries.
        held_out_kind: The kind that occurs in the test split only.
        dropped_queries: Filter → queries dropped.
        window: How passages fit the windows.
        language: Main language of the corpus, if recognised.
        warnings: For example that the model does not know the language.
        llm: Present if a language model generated the queries.
    """

    source: str = ""
    documents: int
    skipped: int
    passages: int
    identical_passages: int = 0
    drawn_from_passages: int = 0
    forgotten_terms: bool = False
    split_by: str
    near_duplicate_documents: int = 0
    queries: dict[str, dict[str, int]]
    held_out_kind: str | None = None
    dropped_queries: dict[str, int] = {}
    window: WindowRecord
    language: str | None = None
    warnings: list[str] = []
    llm: LlmRecord | None = None


# ── model ────────────────────────────────────────────────────────────────────────────────────────────────────────────


class DevRecord(Record):
    """Dev retrieval of the method that was chosen.

    Attributes:
        measure: Name of the measure.
        n_queries: Dev queries.
        n_clusters: Documents they come from.
        base: Score of the base.
        by_step: Training step → score at full strength.
        best_step: The step that was kept.
        by_strength: Strength α → score.
        gain: Gain over the base at the chosen strength, or the best one if the base was shipped.
        standard_error: Standard error of the gain.
    """

    measure: str = "mean reciprocal rank"
    n_queries: int = 0
    n_clusters: int = 0
    base: float = 0.0
    by_step: dict[str, float] = {}
    best_step: int | None = None
    by_strength: dict[str, float] = {}
    gain: float
    standard_error: float


class CandidateRecord(Record):
    """A candidate method on dev, and why it was chosen or not."""

    method: str
    directions: int | None = None
    by_strength: dict[str, float] = {}
    gain: float
    standard_error: float
    reason: str


class ChecksRecord(Record):
    """Checks of the saved model.

    Attributes:
        reload_difference: Largest difference of a component between the trained and the reloaded vectors.
        mean_query_cosine_to_base: Mean cosine of tuned and base query vectors; None if the base was shipped.
    """

    reload_difference: float
    mean_query_cosine_to_base: float | None = None


class ModelRecord(Record):
    """What ``train`` shipped, and why.

    Attributes:
        base_model: The base as the user named it.
        train_queries: Queries of the train split.
        shipped: ``tuned``, or ``base`` if no method gained more than noise.
        method: The method that was chosen; if the base was shipped, the one that came closest.
        passages: The model whose dense passage vectors the shipped model searches. An index of the base serves every
            model with ``base`` here and no sketch.
        sketch: Whether a BM25 sketch is appended to these vectors.
        token_vectors: The model that gives the token vectors before pooling, as late interaction uses them.
        loading: How to load the model.
        quantize: Quantisation of the frozen weights.
        strength: Interpolation coefficient α (WiSE-FT); 0 if the base was shipped.
        fusion_weights: Model → weight of its dense side in fusion with BM25, chosen on dev.
        dev: Dev retrieval.
        steps: Training steps.
        losses: Loss of each step.
        pairs: Training pairs, for methods that tune both sides.
        queries: Training queries, for methods that tune queries only.
        teacher: The teacher of these queries.
        directions: Principal directions, for ``pca``.
        over: The method that the sketch is appended to, for ``hybrid-vector``.
        share: Share of the sketch in the spread of scores at full strength.
        scale: Factor of the sketch.
        candidates: All methods that were tried.
        checks: Checks of the saved model.
    """

    base_model: str = ""
    train_queries: int = 0
    shipped: Side
    method: str = "lora"
    passages: Side = "tuned"
    sketch: bool = False
    token_vectors: Side = "tuned"  # noqa: S105 (no password)
    loading: str = ""
    quantize: str = "none"
    strength: float = 1.0
    fusion_weights: dict[str, float] = {}
    dev: DevRecord | None = None
    steps: int | None = None
    losses: list[float] = []
    pairs: int | None = None
    queries: int | None = None
    teacher: str | None = None
    directions: int | None = None
    over: str | None = None
    share: float | None = None
    scale: float | None = None
    candidates: list[CandidateRecord] = []
    checks: ChecksRecord | None = None

    @property
    def is_tuned(self) -> bool:
        """Whether a tuned model was shipped."""
        return self.shipped == "tuned"

    @property
    def queries_only(self) -> bool:
        """Whether the shipped model differs from the base in its queries only, so that an index of the base serves it."""
        return self.is_tuned and self.passages == "base" and not self.sketch


class QueryAdapterRecord(Record):
    """What ``fit_query_adapter`` found.

    Attributes:
        embedding: Name of the embedding model.
        shipped: ``tuned`` if the adapter gains more than noise on dev.
        strength: Interpolation coefficient α.
        dimension: Length of a vector.
        steps: Training steps.
        dev: Dev retrieval.
        test: Model → measures on the test split.
    """

    embedding: str
    shipped: Side
    strength: float
    dimension: int
    steps: int
    dev: DevRecord
    test: dict[str, Measures]


# ── evaluation ───────────────────────────────────────────────────────────────────────────────────────────────────────

_NAMES = {
    "system": "a",
    "reference": "b",
    "mean": "mean_a",
    "reference_mean": "mean_b",
    "difference": "delta",
    "p": "p_value",
    "name": "slice",
}


class Difference(Record):
    """Mean difference between two systems on the same queries.

    Attributes:
        system: The system.
        reference: The system it is compared with.
        measure: Name of the measure.
        n_queries: Number of queries.
        mean: Mean score of the system, in [0, 1].
        reference_mean: Mean score of the reference.
        difference: ``mean`` - ``reference_mean``.
        ci95: 95 % interval of the difference; None if the queries cannot give one.
    """

    model_config = ConfigDict(alias_generator=lambda name: _NAMES.get(name, name))

    system: str
    reference: str
    measure: str
    n_queries: int
    mean: float
    reference_mean: float
    difference: float
    ci95: tuple[float, float] | None

    @property
    def low(self) -> float:
        """Lower end of the interval; -1, which excludes nothing, where there is none."""
        return self.ci95[0] if self.ci95 else -1.0

    @property
    def high(self) -> float:
        """Upper end of the interval; 1 where there is none."""
        return self.ci95[1] if self.ci95 else 1.0

    def rounded(self) -> Self:
        """Return the same with six decimals, as files have it."""
        update: dict[str, object] = {
            name: round(value, 6) for name, value in self if isinstance(value, float) and not isinstance(value, bool)
        }
        if self.ci95:
            update["ci95"] = tuple(round(end, 6) for end in self.ci95)
        return self.model_copy(update=update)


class Comparison(Difference):
    """One system against another on one measure, with its test; see ``evaluation.significance``.

    Attributes:
        n_clusters: Documents or sections that the queries come from.
        error: Cluster-robust standard error of the difference, guarded where hardly anything changed.
        n_changed: Queries whose score differs.
        p: Two-sided p of the clustered randomisation test.
        p_holm: The same, corrected for all measures of this pair of systems.
        p_mcnemar: McNemar's exact p for a measure of hits and misses, which ignores clusters; None for other measures.
        detectable: Smallest true gain that these queries would show with 80 % power.
        better: Whether test and interval agree that the system is better.
        worse: Whether they agree that it is worse.
    """

    n_clusters: int
    error: float
    n_changed: int
    p: float
    p_holm: float
    p_mcnemar: float | None
    detectable: float
    better: bool
    worse: bool


class Slice(Difference):
    """The difference on some of the queries: exploratory.

    Attributes:
        by: What the queries are grouped by.
        name: Label of the group.
        p: Of the clustered randomisation test, uncorrected; None, as ``ci95``, for few queries or clusters.
    """

    by: str
    name: str
    p: float | None


class Verdict(Record):
    """The decision on a tuned model.

    Attributes:
        decision: ``ship``, ``ship_query_side``, ``use_fusion``, ``do_not_ship`` or ``inconclusive``.
        reasons: One sentence each; the first is the verdict.
        more_queries: For ``inconclusive``, how many more test queries would probably settle it; otherwise None.
    """

    decision: str
    reasons: list[str]
    more_queries: int | None = None


class SeedsRecord(Record):
    """Several seeds of one recipe.

    Attributes:
        systems: The models.
        means: Measure → mean over seeds.
        deviations: Measure → sample standard deviation over seeds; None for a single seed.
        comparisons: Of each query's average over seeds with the base.
        verdict: On the recipe.
    """

    systems: list[str]
    means: Measures
    deviations: dict[str, float | None]
    comparisons: list[Comparison]
    verdict: Verdict


class AuditRecord(Record):
    """What an audit found.

    Attributes:
        name: Name of the audit.
        severity: ``ok``; ``note`` for something to know; ``warn`` for a defect that moves a figure by a point or more, or
            makes it meaningless.
        sentence: The finding with its figures.
        n_affected: Queries (for ``prompts``: prompts) concerned.
        score_impact: Change of the base's score once the defect is fixed, in points of the primary measure; None if unknown.
        gain_impact: Change of the gain of tuned over base; None if unknown or without a tuned model.
        advice: What to do; None if there is nothing to do.
    """

    name: str
    severity: str
    sentence: str
    n_affected: int
    score_impact: float | None = None
    gain_impact: float | None = None
    advice: str | None = None


class DriftRecord(Record):
    """How far tuning moved vectors and rankings of a general set: mean cosines, overlap and RBO of the first ten."""

    passage_cosine: float
    query_cosine: float
    top10_overlap: float
    top10_rbo: float


class ForgettingSet(Record):
    """Base and tuned model on one set that has nothing to do with the corpus.

    Attributes:
        n_passages: Passages.
        n_queries: Queries.
        measures: Measure → comparison of tuned and base.
        drift: How far vectors and rankings moved.
        severity: ``ok``, ``note`` or ``warn``.
        sentence: The finding.
        curve: For each strength, ``strength`` and the measures.
    """

    n_passages: int = 0
    n_queries: int = 0
    measures: dict[str, Comparison]
    drift: DriftRecord | None = None
    severity: str
    sentence: str
    curve: list[Measures] = []


class ForgettingRecord(Record):
    """What tuning cost on general sets.

    Attributes:
        severity: The worst of all sets.
        strengths: Points of the curves.
        sets: Name → finding.
    """

    severity: str
    strengths: list[float]
    sets: dict[str, ForgettingSet]


class QuerySetRecord(Record):
    """What ``evaluate`` measured on one query set: the content of ``metrics.json``.

    Attributes:
        queries: Name of the set.
        n_queries: Number of queries.
        judged_unit: ``passage`` or ``document``.
        identical_passages: Passages whose text an earlier one has already.
        systems: System → measures.
        fusion_weights: As in ``ModelRecord``.
        shipped: As in ``ModelRecord``.
        clustered_by: ``document`` or ``section``.
        n_clusters: Number of them.
        comparisons: Pairs of systems on every measure.
        verdict: The decision.
        slices: Differences by kind of query, lexical overlap, length and document.
        seeds: Present if several seeds of one recipe were compared.
        audits: Defects that move the figures.
        forgetting: Present for a tuned model if this is the only set.
    """

    schema_version: int = 1
    queries: str
    n_queries: int
    judged_unit: str
    identical_passages: int = 0
    systems: dict[str, Measures]
    fusion_weights: dict[str, float] = {}
    shipped: Side
    clustered_by: str
    n_clusters: int
    comparisons: list[Comparison]
    verdict: Verdict
    slices: list[Slice]
    seeds: SeedsRecord | None = None
    audits: list[AuditRecord] = []
    forgetting: ForgettingRecord | None = None

    def comparison(self, system: str, reference: str, measure: str) -> Comparison | None:
        """Return the comparison of two systems on a measure, if it was made."""
        key = (system, reference, measure)
        return next((row for row in self.comparisons if (row.system, row.reference, row.measure) == key), None)


class EvaluationRecord(Record):
    """What ``evaluate`` measured on all query sets.

    A single set is stored without this frame.

    Attributes:
        queries: Names of the sets.
        shipped: As in ``ModelRecord``.
        sets: Name → results.
        forgetting: What tuning cost elsewhere.
    """

    schema_version: int = 1
    queries: str
    shipped: Side
    sets: dict[str, QuerySetRecord] = Field(min_length=1)
    forgetting: ForgettingRecord | None = None

    @model_validator(mode="before")
    @classmethod
    def _frame(cls, values: object) -> object:
        if not isinstance(values, Mapping) or "sets" in values:
            return values
        shared = {name: values[name] for name in ("queries", "shipped", "forgetting") if name in values}
        return {**shared, "sets": {str(values.get("queries")): values}}

    def as_json(self) -> dict[str, object]:
        """Return the JSON values of ``metrics.json``."""
        return super().as_json() if len(self.sets) > 1 else self.only.as_json()

    @property
    def only(self) -> QuerySetRecord:
        """The results on the single query set.

        Raises:
            ValueError: If there are several.
        """
        if len(self.sets) != 1:
            raise ValueError(f"expected one query set, found {', '.join(self.sets)}; choose one of sets")
        return next(iter(self.sets.values()))

    @property
    def systems(self) -> dict[str, Measures]:
        """System → measures, on the single query set."""
        return self.only.systems

    @property
    def verdict(self) -> Verdict:
        """The decision, on the single query set."""
        return self.only.verdict
