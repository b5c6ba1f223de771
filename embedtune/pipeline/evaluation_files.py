"""What an evaluation writes for each query set: runs, measures, ``metrics.json`` and report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from embedtune.config.settings import EvaluateConfig
from embedtune.evaluation.comparisons import summarise
from embedtune.evaluation.measures import MEASURES, PerQuery, means, per_query
from embedtune.evaluation.runner import SetRuns
from embedtune.formats.judgements import identical_passages
from embedtune.formats.run_files import write_run
from embedtune.pipeline.evaluation_inputs import Inputs
from embedtune.project.evaluation_records import AuditRecord, ForgettingRecord, QuerySetRecord
from embedtune.project.layout import file_name
from embedtune.project.manifest import write_json
from embedtune.reports.writing import Reporter
from embedtune.shown import cell
from embedtune.types import QuerySet


def write_query_set(
    folder: Path,
    config: EvaluateConfig,
    inputs: Inputs,
    queries: QuerySet,
    searched: SetRuns,
    audits: list[AuditRecord],
    forgetting: ForgettingRecord | None,
    reporter: Reporter,
) -> QuerySetRecord:
    """Score and compare the runs of one query set, write its files, and return the content of ``metrics.json``."""
    runs = searched.runs
    folder.mkdir(exist_ok=True)
    measures = list(dict.fromkeys([*MEASURES, *config.measures]))
    passages, trained = inputs.dataset.passages, inputs.run.record
    values = {system: per_query(queries.qrels, run, measures) for system, run in runs.items()}
    for system, run in runs.items():
        write_run(folder / f"{file_name(system)}.run.trec", run, file_name(system))
    _write_per_query(folder / "per_query.tsv", values, measures)
    method = "query_side" if trained.queries_only else "symmetric" if trained.method else None
    summary = summarise(
        values, runs["bm25"], queries, passages,
        seeds=inputs.seeds(), method=method, why_base=trained.why_base,
        worded=("tuned",) if trained.method == "hybrid-vector" else (), indexes=searched.indexes,
        updated=frozenset(inputs.run.dataset.record.updated_documents), seed=config.seed,
    )  # fmt: skip
    optional = {"seeds": summary.seeds, "forgetting": forgetting, "indexes": searched.indexes}
    record = QuerySetRecord(
        schema_version=1,
        queries=queries.name,
        n_queries=len(queries.queries),
        kinds=dict(Counter(query.kind for query in queries.queries)),
        judged_unit=queries.judged_unit,
        identical_passages=identical_passages(passages),
        systems={
            system: {name: round(value, 6) for name, value in means(scores).items()}
            for system, scores in values.items()
        },
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
    write_json(folder / "metrics.json", record.as_json())
    reporter.write(folder, queries, runs, values, record)
    return record


def _write_per_query(path: Path, values: dict[str, PerQuery], names: Sequence[str]) -> None:
    """Write one row for each query and system, a column for each measure."""
    rows = ["\t".join(("query-id", "system", *names))]
    for system, scores in values.items():
        for query_id in scores[names[0]]:
            rows.append("\t".join((cell(query_id), cell(system), *(f"{scores[name][query_id]:.6g}" for name in names))))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
