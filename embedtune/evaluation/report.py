"""Systems compared on the same queries: measures, intervals, tests and the verdict, as one value that prints as its table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from numpy.typing import ArrayLike

from embedtune.errors import ConfigError, DataError
from embedtune.evaluation import significance
from embedtune.evaluation.comparisons import as_arrays
from embedtune.evaluation.measures import PerQuery, means, per_query
from embedtune.evaluation.resampling import N_RESAMPLES
from embedtune.evaluation.verdict import PRIMARY, judge
from embedtune.formats.judgements import with_answers
from embedtune.formats.run_files import as_qrels, as_run
from embedtune.project.evaluation_records import Comparison, Verdict
from embedtune.text.tables import align
from embedtune.types import Qrels, Query, QuerySet, Run

DEFAULT_MEASURES = ("ndcg@10", "mrr@10", "hit_rate@5", "recall@100")


class Report:
    """What the runs of several systems on the same queries say.

    ``report["tuned"]["ndcg@10"]`` is a mean, ``report.compare("tuned", "base")["ndcg@10"]`` a comparison with its interval,
    ``report.verdict`` the answer. It prints as its table.

    Attributes:
        qrels: Query id → passage or document id → grade.
        runs: System → run; the first is what the others are compared with.
        per_query: System → measure → query id → value.
        measures: Names of the measures; the verdict is about nDCG@10 where that is one of them, else about the first.
    """

    def __init__(
        self,
        qrels: Qrels,
        runs: Mapping[str, Run],
        measures: Sequence[str],
        clusters: ArrayLike | None,
        *,
        n_resamples: int = N_RESAMPLES,
        seed: int = 0,
    ) -> None:
        """Score the runs; see ``compare``."""
        self.qrels = qrels
        self.runs = dict(runs)
        self.measures = list(dict.fromkeys(measures))
        self.per_query: dict[str, PerQuery] = {name: per_query(qrels, run, self.measures) for name, run in runs.items()}
        self._clusters = clusters
        self._resampling = {"n_resamples": n_resamples, "seed": seed}
        self._compared: dict[tuple[str, str], dict[str, Comparison]] = {}

    def __getitem__(self, system: str) -> dict[str, float]:
        return means(self.per_query[self._known(system)])

    def __iter__(self) -> Any:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.runs)

    @property
    def primary(self) -> str:
        """The measure that decides."""
        return next((name for name in self.measures if name.lower() == PRIMARY), self.measures[0])

    def compare(self, system: str, reference: str) -> dict[str, Comparison]:
        """Return each measure's difference of two systems, with 95 % interval, p, Holm's p and the smallest detectable gain.

        Raises:
            ConfigError: If there is no such system.
        """
        pair = self._known(system), self._known(reference)
        if pair not in self._compared:
            scores = as_arrays({name: self.per_query[name] for name in pair})
            self._compared |= significance.compare(scores, [pair], self._clusters, **self._resampling)
        return self._compared[pair]

    def judge(self, system: str, reference: str | None = None) -> Verdict:
        """Return the verdict on a system in place of a reference, the first system if none is given; see ``docs/verdict.md``.

        Raises:
            ConfigError: If there is no such system.
        """
        compared = self.compare(system, next(iter(self.runs)) if reference is None else reference)
        return judge({("tuned", "base"): compared}, primary=self.primary, clustered_by="groups of queries")

    @property
    def verdict(self) -> Verdict:
        """The verdict on the second system in place of the first.

        Raises:
            ConfigError: If there is only one system.
        """
        if len(self.runs) < 2:
            raise ConfigError("verdict: expected two systems or more, found one")
        return self.judge(list(self.runs)[1])

    def to_frame(self) -> Any:
        """Return a ``pandas.DataFrame``: a row for each system, a column for each measure.

        Raises:
            ConfigError: If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ConfigError("to_frame: expected pandas, found none", hint="pip install pandas") from error
        return pd.DataFrame([self[name] for name in self.runs], index=list(self.runs), columns=self.measures)

    def __str__(self) -> str:
        return f"{align(self._rows())}\n{self._caption()}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head, *rows = self._rows()
        titles = "".join(f"<th>{escape(cell)}</th>" for cell in head)
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table><p>{escape(self._caption())}</p>"

    def _rows(self) -> list[list[str]]:
        reference = next(iter(self.runs))
        several = len(self.runs) > 1
        rows = [["system", *self.measures, *([f"Δ {self.primary} to {reference} (95 %)", "p"] if several else [])]]
        for name in self.runs:
            cells = [name, *(f"{value:.3f}" for value in self[name].values())]
            if several:
                cells += ["", ""]
            if name != reference:
                found = self.compare(name, reference)[self.primary]
                interval = f"{found.low:+.3f} to {found.high:+.3f}" if found.ci95 else "–"
                cells[-2:] = f"{found.difference:+.3f} ({interval})", f"{found.p:.2g}"
            rows.append(cells)
        return rows

    def _caption(self) -> str:
        words = f"{len(self.qrels)} queries"
        return f"{words}; {self.verdict.reasons[0]}" if len(self.runs) == 2 else words

    def _known(self, system: str) -> str:
        if system not in self.runs:
            raise ConfigError(f"expected one of the systems {', '.join(self.runs)}, found {system!r}")
        return system


def compare(
    qrels: Any,
    runs: Mapping[str, Any],
    *,
    measures: Sequence[str] = DEFAULT_MEASURES,
    clusters: Mapping[str, str] | Sequence[Any] | None = None,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Report:
    """Compare the runs of several systems on the same judged queries.

    Differences have a 95 % interval by bootstrap, a two-sided p by a randomisation test, and Holm's correction over the
    measures; where clusters are given, these are resampled and not the queries. ``evaluation.resampling`` names the sources.

    Args:
        qrels: Query id → passage or document id → grade, above 0 is relevant; queries without a relevant one are left out
            with a warning. Or the path of a qrels file (BEIR or TREC); or ``Qrel`` objects of
            ir_measures, or their data frame.
        runs: System → query id → passage or document id → score; each may also be the path of a TREC run file, or ``ScoredDoc``
            objects of ir_measures, or their data frame. The first is what the others are compared with.
        measures: Names of ir_measures (``nDCG@10``, ``P@5``, ``AP`` …) or ours (``ndcg@10``, ``mrr@10``, ``hit_rate@5``,
            ``recall@100``).
        clusters: Which queries are not independent, for example those of one document: query id → cluster, or a label for each
            query in the order of the qrels; None takes all for independent.
        n_resamples: Sign patterns of the test, and samples of the bootstrap.
        seed: Of both.

    Returns:
        Means by system, comparisons by pair, and the verdict on the second system in place of the first. Values are those
        of the measures, in [0, 1] for all usual ones; a query that a run misses counts 0.

    Raises:
        ConfigError: If there is no run, or a measure is unknown.
        DataError: If qrels or a run cannot be read, there is no query, or the clusters do not fit the queries.

    Examples:
        >>> qrels = {"q1": {"a": 1}, "q2": {"b": 1}, "q3": {"c": 1}}
        >>> first = {query: {"a": 3.0, "b": 2.0, "c": 1.0} for query in qrels}
        >>> second = {"q1": {"a": 1.0}, "q2": {"b": 1.0}, "q3": {"a": 2.0, "c": 1.0}}
        >>> report = compare(qrels, {"first": first, "second": second}, measures=["nDCG@10", "P@1"])
        >>> report["second"]["P@1"]
        0.6666666666666666
        >>> round(report.compare("second", "first")["nDCG@10"].difference, 3)
        0.167
        >>> report.verdict.decision
        'inconclusive'
    """
    if not runs or not measures:
        raise ConfigError("compare: expected at least one run and one measure, found none")
    judged = as_qrels(qrels)
    if not judged:
        raise DataError("qrels: expected judged queries, found none")
    labels: Any = [clusters.get(query) for query in judged] if isinstance(clusters, Mapping) else clusters
    if labels is not None and (len(labels) != len(judged) or any(label is None for label in labels)):
        raise DataError(
            f"clusters: expected a label for each of {len(judged)} queries, found {len(labels)} or none for some"
        )
    if labels is not None:
        by_query = dict(zip(judged, labels, strict=True))
    judged = with_answers(QuerySet("qrels", [Query(name, "", "source") for name in judged], judged, "document")).qrels
    if not judged:
        raise DataError("qrels: expected a query with a relevant document (grade above 0), found none")
    if labels is not None:
        labels = [by_query[query] for query in judged]
    tables = {name: as_run(run) for name, run in runs.items()}
    return Report(judged, tables, measures, labels, n_resamples=n_resamples, seed=seed)
