"""The files of one query set: a TREC run for each system, ``per_query.tsv``, ``metrics.json``, the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from embedtune.evaluation.comparisons import summarise
from embedtune.evaluation.measures import PerQuery, means, per_query
from embedtune.formats.judgements import identical_passages
from embedtune.formats.run_files import write_run
from embedtune.project.evaluation_records import AuditRecord, ForgettingRecord, QuerySetRecord
from embedtune.project.layout import file_name
from embedtune.project.manifest import write_json
from embedtune.project.records import ModelRecord
from embedtune.reports.writing import Reporter
from embedtune.types import Passage, QuerySet, Run


class SetFiles(NamedTuple):
    """Writes the files of one query set.

    Attributes:
        folder: Where to write.
        queries: The query set, with the judgements that are scored.
        runs: System → run.
    """

    folder: Path
    queries: QuerySet
    runs: Mapping[str, Run]

    def write(
        self,
        passages: Sequence[Passage],
        trained: ModelRecord,
        audits: list[AuditRecord],
        forgetting: ForgettingRecord | None,
        reporter: Reporter,
        *,
        measures: Sequence[str],
        seeds: Sequence[str],
        seed: int,
    ) -> QuerySetRecord:
        """Score and compare the runs, write the files, and return the content of ``metrics.json``.

        Args:
            passages: The corpus.
            trained: What training shipped.
            audits: Defects that move the figures.
            forgetting: Measured if this is the only query set.
            reporter: Writes the report.
            measures: Names of the measures.
            seeds: As for ``comparisons.summarise``.
            seed: Of the resamples.
        """
        self.folder.mkdir(exist_ok=True)
        values = {system: per_query(self.queries.qrels, run, measures) for system, run in self.runs.items()}
        for system, run in self.runs.items():
            write_run(self.folder / f"{file_name(system)}.run.trec", run, file_name(system))
        _write_per_query(self.folder / "per_query.tsv", values, measures)
        method = "query_side" if trained.queries_only else "symmetric" if trained.method else None
        summary = summarise(values, self.runs["bm25"], self.queries, passages, seeds=seeds, method=method, seed=seed)
        optional = {"seeds": summary.seeds, "forgetting": forgetting}
        record = QuerySetRecord(
            schema_version=1,
            queries=self.queries.name,
            n_queries=len(self.queries.queries),
            judged_unit=self.queries.judged_unit,
            identical_passages=identical_passages(passages),
            systems={system: _rounded(means(scores)) for system, scores in values.items()},
            fusion_weights=trained.fusion_weights,
            shipped=trained.shipped,
            clustered_by=summary.clustered_by,
            n_clusters=summary.n_clusters,
            comparisons=summary.comparisons,
            verdict=summary.verdict,
            slices=summary.slices,
            audits=audits,
            **{name: value for name, value in optional.items() if value},
        )
        write_json(self.folder / "metrics.json", record.as_json())
        reporter.write(self.folder, self.queries, self.runs, values, record)
        return record


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in values.items()}


def _write_per_query(path: Path, values: dict[str, PerQuery], names: Sequence[str]) -> None:
    """Write one row for each query and system, a column for each measure."""
    rows = ["\t".join(("query-id", "system", *names))]
    for system, scores in values.items():
        for query_id in scores[names[0]]:
            rows.append("\t".join((query_id, system, *(f"{scores[name][query_id]:.6g}" for name in names))))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
