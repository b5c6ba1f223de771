"""What ``evaluate`` records. ``Comparison`` is the one form in which two systems are compared, in files and in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import ConfigDict, Field, model_validator

from embedtune.project.records import Measures, Record, Side
from embedtune.text.tables import align
from embedtune.types import KINDS_OF_PEOPLE, SYNTHETIC_KINDS

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
        mean: Mean score of the system, in [0, 1].
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
        update: dict[str, object] = {name: round(value, 6) for name, value in self if isinstance(value, float)}
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
        detectable: Smallest true gain that these queries detect with 80 % power.
        better: Whether test and interval agree that the system is better.
        worse: Whether they agree that it is worse.
        word_bias: On extractive queries, what BM25 gains more on them than on people's: mean and deviation; ``better`` and
            ``worse`` then hold for the rest of the difference too. See ``evaluation.word_bias``.
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
    word_bias: tuple[float, float] | None = None


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
    """Several seeds of one recipe: means, sample deviations, and each query's average over the seeds against the base."""

    systems: list[str]
    means: Measures
    deviations: dict[str, float | None]
    comparisons: list[Comparison]
    verdict: Verdict


class AuditRecord(Record):
    """What an audit found.

    Attributes:
        severity: ``ok``; ``note`` for something to know; ``warn`` for a defect that moves a figure by a point or more, or
            makes it meaningless.
        n_affected: Queries (for ``prompts``: prompts) concerned.
        score_impact: Change of the base's score once the defect is fixed, in points of the primary measure; None if unknown.
        gain_impact: Change of the gain of tuned over base; None if unknown or without a tuned model.
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
    """Base and tuned model on one set that has nothing to do with the corpus; ``curve``: measures by ``strength``."""

    n_passages: int = 0
    n_queries: int = 0
    measures: dict[str, Comparison]
    drift: DriftRecord | None = None
    severity: str
    sentence: str
    curve: list[Measures] = Field(default_factory=list)


class ForgettingRecord(Record):
    """What tuning cost on general sets; the severity is the worst of all."""

    severity: str
    strengths: list[float]
    sets: dict[str, ForgettingSet]


class IndexRecord(Record):
    """An approximate index beside the exact search of the same vectors.

    Attributes:
        system: Its name in the table of systems.
        recall_at_10: Share of the exact search's first ten that it finds, mean over the queries, in [0, 1].
        n_bytes: Size of its file.
        flat_bytes: Size of the vectors in fp32.
        parameters: Of its search, by FAISS's names: how many lists or candidates it sees.
    """

    system: str
    recall_at_10: float
    n_bytes: int
    flat_bytes: int
    parameters: dict[str, int] = Field(default_factory=dict)

    @property
    def search(self) -> str:
        """The parameters in words."""
        return ", ".join(f"{name}={value}" for name, value in self.parameters.items())


class QuerySetRecord(Record):
    """What ``evaluate`` measured on one query set: the content of ``metrics.json``.

    Attributes:
        judged_unit: ``passage`` or ``document``.
        clustered_by: ``document`` or ``section``.
        kinds: How many queries are of which kind: ``source`` for people's, all others are synthetic.
        seeds: Present if several seeds of one recipe were compared.
        indexes: Present if approximate indexes were searched.
        forgetting: Present for a tuned model if this is the only set.
    """

    schema_version: int = 1
    queries: str
    n_queries: int
    kinds: dict[str, int] = Field(default_factory=dict)
    judged_unit: str
    identical_passages: int = 0
    systems: dict[str, Measures]
    fusion_weights: dict[str, float] = Field(default_factory=dict)
    shipped: Side
    clustered_by: str
    n_clusters: int
    comparisons: list[Comparison]
    verdict: Verdict
    slices: list[Slice]
    seeds: SeedsRecord | None = None
    indexes: list[IndexRecord] = Field(default_factory=list)
    audits: list[AuditRecord] = Field(default_factory=list)
    forgetting: ForgettingRecord | None = None

    def summary(self) -> str:
        """Return the table of systems and the reasons of the verdict."""
        measures = list(next(iter(self.systems.values())))
        rows = [[name, *(f"{values[measure]:.3f}" for measure in measures)] for name, values in self.systems.items()]
        return "\n".join(
            [
                f"{self.n_queries} queries of {self.queries}",
                align([["system", *measures], *rows]),
                *self.verdict.reasons,
            ]
        )

    @property
    def is_of_people(self) -> bool:
        """Whether people wrote most of the queries."""
        return 2 * sum(self.kinds.get(kind, 0) for kind in KINDS_OF_PEOPLE) > self.n_queries

    @property
    def origin(self) -> str:
        """Where the queries come from, in words; empty where the record does not say."""
        if not self.kinds:
            return ""
        if self.is_of_people:
            return "written by people"
        by_rules = sum(self.kinds.get(kind, 0) for kind in SYNTHETIC_KINDS)
        return "made by rules from the passages" if 2 * by_rules > self.n_queries else "written by a language model"

    def comparison(self, system: str, reference: str, measure: str) -> Comparison | None:
        """Return the comparison of two systems on a measure, if it was made."""
        key = (system, reference, measure)
        return next((row for row in self.comparisons if (row.system, row.reference, row.measure) == key), None)


class EvaluationRecord(Record):
    """What ``evaluate`` measured on all query sets; a single set is stored without this frame."""

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

    def summary(self) -> str:
        """Return the summary of each query set."""
        return "\n\n".join(found.summary() for found in self.sets.values())

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
