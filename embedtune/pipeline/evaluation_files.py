"""The files of one query set: a TREC run for each system, ``per_query.tsv``, ``metrics.json``, the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from embedtune.evaluation import comparisons as findings
from embedtune.evaluation.measures import PerQuery, means, per_query
from embedtune.formats.judgements import identical_passages
from embedtune.formats.run_files import write_run
from embedtune.project.layout import file_name
from embedtune.project.manifest import write_json
from embedtune.reports.writing import Reporter
from embedtune.types import Passage, QuerySet, Run


def write_measured(
    folder: Path,
    queries: QuerySet,
    runs: Mapping[str, Run],
    passages: Sequence[Passage],
    trained: Mapping[str, Any],
    *,
    measures: Sequence[str],
    seeds: Sequence[str],
    seed: int,
    more: Mapping[str, Any],
    reporter: Reporter,
) -> dict[str, Any]:
    """Score the runs, say what they prove, and write the files; return the content of ``metrics.json``.

    Args:
        folder: Where to write.
        queries: The query set.
        runs: By system.
        passages: The corpus.
        trained: Facts of the training.
        measures: Names of the measures.
        seeds: As in ``findings.summarise``.
        seed: Likewise.
        more: Facts found elsewhere, written too.
        reporter: Writes the report.
    """
    method = "query_side" if trained.get("queries_only") else "symmetric"
    values = {system: per_query(queries.qrels, found, measures) for system, found in runs.items()}
    for system, found in runs.items():
        write_run(folder / f"{file_name(system)}.run.trec", found, file_name(system))
    _write_per_query(folder / "per_query.tsv", values, measures)
    facts = {
        "schema_version": 1,
        "queries": queries.name,
        "n_queries": len(queries.queries),
        "judged_unit": queries.judged_unit,
        "identical_passages": identical_passages(passages),
        "systems": {system: _rounded(means(scores)) for system, scores in values.items()},
        "fusion_weights": trained["fusion_weights"],
        "shipped": trained["shipped"],
        **findings.summarise(values, runs["bm25"], queries, passages, seeds=seeds, method=method, seed=seed),
        **more,
    }
    write_json(folder / "metrics.json", facts)
    reporter.write(folder, queries, runs, values, facts)
    return facts


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in values.items()}


def _write_per_query(path: Path, values: dict[str, PerQuery], names: Sequence[str]) -> None:
    """Write one row for each query and system, a column for each measure."""
    rows = ["\t".join(("query-id", "system", *names))]
    for system, scores in values.items():
        for query_id in scores[names[0]]:
            rows.append("\t".join((query_id, system, *(f"{scores[name][query_id]:.6g}" for name in names))))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
