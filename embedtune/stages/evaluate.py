"""Stage 3: base and tuned model, BM25 and fusion on the same queries, and what the differences prove."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embedtune.config import EvaluateConfig, GenerateConfig
from embedtune.documents.reading import read_query_set
from embedtune.errors import DataError
from embedtune.evaluation.measures import MEASURES, PerQuery, means, per_query
from embedtune.formats.dataset import read_dataset
from embedtune.formats.trec import write_run
from embedtune.hashing import hash_json
from embedtune.manifest import library_versions, stage_folder, verify, write_json
from embedtune.records import Dataset, QuerySet, Run
from embedtune.resources import find_query_set
from embedtune.retrieval.base_model import hash_model
from embedtune.retrieval.encoder import choose_precision
from embedtune.run_folder import hold
from embedtune.stages import findings, preflight
from embedtune.stages.generate import FOLDER as DATASET
from embedtune.stages.judgements import check_judged, identical_passages, share_judgements
from embedtune.stages.lineup import models_of_run
from embedtune.stages.result import StageResult, settled
from embedtune.stages.systems import Search
from embedtune.stages.train import FOLDER as MODEL

FOLDER = "eval"


def evaluate(config: EvaluateConfig, run: Path, *, force: bool = False, dry_run: bool = False) -> StageResult:
    """Measure a run's models: ``RUN/eval`` with a TREC run for each system, ``per_query.tsv`` and ``metrics.json``.

    The whole corpus is searched, whatever the queries. Fusion weights come from training, which chose them on the
    dev queries for base and tuned alike.

    Args:
        config: Settings; ``config.queries`` names queries of your own.
        run: The run folder, with a finished dataset and model.
        force: Work even if nothing has changed.
        dry_run: Tell what would happen; write nothing.

    Returns:
        Facts: the content of ``metrics.json``.

    Raises:
        DataError: If a stage is missing, or the queries judge nothing in this corpus.
        IntegrityError: If dataset or model were changed since they were written.
        ResourceError: If the folder cannot be written.
        InUseError: If another process works in the run folder.
    """
    with hold(Path(run), idle=dry_run):
        return _evaluate(config, Path(run), force=force, dry_run=dry_run)


def _evaluate(config: EvaluateConfig, run: Path, *, force: bool, dry_run: bool) -> StageResult:
    made = verify(run / DATASET)
    trained = verify(run / MODEL)
    settings = GenerateConfig.model_validate({"source": "", **made["identity"]["config"]})
    dataset = read_dataset(run / DATASET)
    query_sets = [share_judgements(queries, dataset.passages) for queries in _find_queries(config, dataset)]
    base_folder = preflight.find_base(settings.model, run / FOLDER)
    identity = {
        "stage": "eval",
        "config": config.model_dump(mode="json", exclude={"queries"}),
        "queries": hash_json([_content(queries) for queries in query_sets]),
        "dataset": made["outputs"],
        "model": trained["outputs"],
        "base": hash_model(base_folder),
        "versions": library_versions(),
    }
    n_queries = sum(len(queries.queries) for queries in query_sets)
    plan = {"queries": ", ".join(queries.name for queries in query_sets), "n_queries": n_queries}
    check = preflight.before_evaluate(config, run / FOLDER, base_folder, n_queries, len(dataset.passages))
    if result := settled(run / FOLDER, identity, plan, force=force, dry_run=dry_run, check=check):
        return result
    facts: dict[str, Any] = {}
    with stage_folder(run / FOLDER, identity, facts) as temporary:
        search = Search(
            dataset.passages,
            query_sets,
            window_tokens=settings.window_tokens,
            window_overlap=settings.window_overlap,
            depth=config.depth,
        )
        precision = choose_precision(config.precision)
        for model in models_of_run(run / MODEL, base_folder, settings, trained["facts"], precision):
            search.add(model)
        for queries, runs in zip(query_sets, search.runs(), strict=True):
            facts.update(_report(temporary, config, dataset, queries, runs, trained["facts"]))
    return StageResult(run / FOLDER, facts, "done")


def _report(
    folder: Path,
    config: EvaluateConfig,
    dataset: Dataset,
    queries: QuerySet,
    runs: Mapping[str, Run],
    trained: Mapping[str, Any],
) -> dict[str, Any]:
    """Score the runs of one query set and write its files; return what ``metrics.json`` holds."""
    values = {system: per_query(queries.qrels, found) for system, found in runs.items()}
    for system, found in runs.items():
        write_run(folder / f"{system}.run.trec", found, system)
    _write_per_query(folder / "per_query.tsv", values)
    facts = {
        "schema_version": 1,
        "queries": queries.name,
        "n_queries": len(queries.queries),
        "judges": queries.judges,
        "identical_passages": identical_passages(dataset.passages),
        "systems": {system: _rounded(means(scores)) for system, scores in values.items()},
        "fusion_weights": trained["fusion_weights"],
        "shipped": trained["shipped"],
        **findings.summarise(values, runs["bm25"], queries, dataset.passages, seed=config.seed),
    }
    write_json(folder / "metrics.json", facts)
    return facts


def _find_queries(config: EvaluateConfig, dataset: Dataset) -> list[QuerySet]:
    """Return the queries to test on, reduced to those that this corpus can answer."""
    if config.queries:
        return [_find_query_set(name, dataset) for name in config.queries]
    queries = dataset.splits["test"]
    if not queries.queries:
        raise DataError("dataset: expected test queries, found none", hint="give your own with --queries")
    return [queries]


def _find_query_set(name: str, dataset: Dataset) -> QuerySet:
    path = Path(name)
    if not path.exists():
        path = find_query_set(name) or path
    queries = read_query_set(path)
    check_judged(str(path), queries.qrels, {passage.document_id for passage in dataset.passages})
    return queries


def _content(queries: QuerySet) -> list[Any]:
    return [queries.judges, [list(query) for query in queries.queries], queries.qrels]


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in values.items()}


def _write_per_query(path: Path, values: dict[str, PerQuery]) -> None:
    """Write one row for each query and system, a column for each measure."""
    names = list(MEASURES)
    rows = ["\t".join(("query-id", "system", *names))]
    for system, measures in values.items():
        for query_id in measures[names[0]]:
            rows.append("\t".join((query_id, system, *(f"{measures[name][query_id]:.6g}" for name in names))))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
