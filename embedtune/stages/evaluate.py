"""Stage 3: base and tuned model, BM25 and fusion, on the same queries, with the same windows, prompts and tokenisation."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedtune.config import EvaluateConfig, GenerateConfig
from embedtune.documents.reading import read_query_set
from embedtune.errors import DataError
from embedtune.evaluation.measures import PerQuery, means, per_query
from embedtune.formats.dataset import read_dataset
from embedtune.formats.trec import write_run
from embedtune.hashing import hash_json
from embedtune.manifest import library_versions, stage_folder, verify, write_json
from embedtune.progress import track
from embedtune.records import Dataset, QuerySet, Run
from embedtune.resources import find_query_set
from embedtune.retrieval.base_model import find_model, hash_model
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.encoder import Encoder, choose_precision, load_model, set_prompts
from embedtune.retrieval.systems import choose_weight, dense_run, fused_runs, lexical_run, units_of
from embedtune.stages.generate import FOLDER as DATASET
from embedtune.stages.generate import corpus_windows
from embedtune.stages.result import StageResult, settled
from embedtune.stages.train import FOLDER as MODEL
from embedtune.training.quantisation import load_quantised

FOLDER = "eval"
SYSTEMS = (
    "bm25", "base", "base_quantized", "tuned", "hybrid_base", "hybrid_tuned", "rrf_base", "rrf_tuned",
)  # fmt: skip
_log = logging.getLogger("embedtune")


def evaluate(config: EvaluateConfig, run: Path, *, force: bool = False, dry_run: bool = False) -> StageResult:
    """Measure a run's models: ``RUN/eval`` with a TREC run for each system, ``per_query.tsv`` and ``metrics.json``.

    The whole corpus is searched, whatever the queries. Fusion weights are chosen on the dev queries, for base and tuned
    alike.

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
    """
    run = Path(run)
    made = verify(run / DATASET)
    trained = verify(run / MODEL)
    settings = GenerateConfig.model_validate({"source": "", **made["identity"]["config"]})
    dataset = read_dataset(run / DATASET)
    queries = _find_queries(config, dataset)
    base_folder = find_model(settings.model)
    identity = {
        "stage": "eval",
        "config": config.model_dump(mode="json", exclude={"queries"}),
        "queries": hash_json([queries.judges, [list(query) for query in queries.queries], queries.qrels]),
        "dataset": made["outputs"],
        "model": trained["outputs"],
        "base": hash_model(base_folder),
        "versions": library_versions(),
    }
    plan = {"queries": queries.name, "n_queries": len(queries.queries)}
    if result := settled(run / FOLDER, identity, plan, force=force, dry_run=dry_run):
        return result
    facts: dict[str, Any] = {}
    with stage_folder(run / FOLDER, identity, facts) as temporary:
        comparison = _Comparison(
            config, settings, base_folder, run / MODEL / "merged", trained["facts"], dataset, queries
        )
        facts.update(comparison.run(temporary))
    return StageResult(run / FOLDER, facts, "done")


def _find_queries(config: EvaluateConfig, dataset: Dataset) -> QuerySet:
    """Return the queries to test on, reduced to those that this corpus can answer."""
    if config.queries is None:
        queries = dataset.splits["test"]
        if not queries.queries:
            raise DataError("dataset: expected test queries, found none", hint="give your own with --queries")
        return queries
    path = Path(config.queries)
    if not path.exists():
        path = find_query_set(config.queries) or path
    queries = read_query_set(path)
    known = {passage.document_id for passage in dataset.passages}
    judged = {document for grades in queries.qrels.values() for document in grades}
    unknown = sorted(judged - known)
    if not judged & known:
        raise DataError.at(
            path,
            None,
            f"judgements of documents of this run, such as {min(known)!r}",
            f"only others, such as {unknown[:3]}",
        )
    if unknown:
        _log.warning("%s: %d judged documents are not in this corpus, such as %r", path, len(unknown), unknown[0])
    return queries


class _Comparison:
    """All systems of one table."""

    def __init__(
        self,
        config: EvaluateConfig,
        settings: GenerateConfig,
        base_folder: Path,
        merged_folder: Path,
        trained: dict[str, Any],
        dataset: Dataset,
        queries: QuerySet,
    ) -> None:
        self._config = config
        self._settings = settings
        self._base_folder = base_folder
        self._merged_folder = merged_folder
        self._trained = trained
        self._dataset = dataset
        self._queries = queries
        self._units = units_of(dataset.passages, queries.judges)
        self._ids = [query.query_id for query in queries.queries]
        self._bm25 = BM25([passage.full_text for passage in dataset.passages])
        self._lexical = self._bm25.scores([query.text for query in queries.queries])
        self._precision = choose_precision(config.precision)

    def run(self, folder: Path) -> dict[str, Any]:
        runs: dict[str, Run] = {"bm25": lexical_run(self._ids, self._lexical, self._units, self._config.depth)}
        weights: dict[str, float] = {}
        base = Encoder(self._load(self._base_folder), precision=self._precision)
        self._add(runs, weights, "base", base)
        if self._trained["quantize"] != "none" and self._trained["shipped"] == "tuned":
            runs["base_quantized"] = self._dense("base_quantized", self._quantised_base())
        if self._trained["shipped"] == "tuned":
            self._add(runs, weights, "tuned", Encoder(self._load(self._merged_folder), precision=self._precision))
        values = {system: per_query(self._queries.qrels, runs[system]) for system in SYSTEMS if system in runs}
        for system in values:
            write_run(folder / f"{system}.run.trec", runs[system], system)
        _write_per_query(folder / "per_query.tsv", values)
        facts = {
            "schema_version": 1,
            "queries": self._queries.name,
            "n_queries": len(self._ids),
            "judges": self._queries.judges,
            "systems": {
                system: {name: round(value, 6) for name, value in means(v).items()} for system, v in values.items()
            },
            "fusion_weights": weights,
            "shipped": self._trained["shipped"],
        }
        write_json(folder / "metrics.json", facts)
        return facts

    def _load(self, folder: Path) -> Any:
        prompts = {"query_prompt": self._settings.query_prompt, "document_prompt": self._settings.document_prompt}
        return load_model(folder, **prompts, trust_remote_code=self._settings.trust_remote_code)

    def _quantised_base(self) -> Encoder:
        trust = self._settings.trust_remote_code
        model = load_quantised(self._base_folder, self._trained["quantize"], trust_remote_code=trust)
        set_prompts(model, query_prompt=self._settings.query_prompt, document_prompt=self._settings.document_prompt)
        return Encoder(model, precision=self._precision)

    def _add(self, runs: dict[str, Run], weights: dict[str, float], name: str, encoder: Encoder) -> None:
        """Add a model's dense run and both fusions with BM25."""
        vectors, queries = self._encode(name, encoder)
        weights[name] = self._weight(encoder, vectors)
        windows = self._windows(encoder)
        depth = self._config.depth
        runs[name] = dense_run(self._ids, queries, vectors, windows, self._units, depth)
        runs[f"hybrid_{name}"], runs[f"rrf_{name}"] = fused_runs(
            self._ids, queries, vectors, windows, self._lexical, self._units, depth, weights[name]
        )

    def _dense(self, name: str, encoder: Encoder) -> Run:
        vectors, queries = self._encode(name, encoder)
        return dense_run(self._ids, queries, vectors, self._windows(encoder), self._units, self._config.depth)

    def _encode(self, name: str, encoder: Encoder) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        texts = self._windows(encoder).texts
        with track(f"encode: {name}", len(set(texts)) + len(self._ids)) as report:
            vectors = encoder.encode_documents(texts, report)
            return vectors, encoder.encode_queries([query.text for query in self._queries.queries], report)

    def _windows(self, encoder: Encoder) -> Any:
        settings = self._settings
        return corpus_windows(self._dataset.passages, encoder, settings.window_tokens, settings.window_overlap)

    def _weight(self, encoder: Encoder, vectors: NDArray[np.float32]) -> float:
        dev = self._dataset.splits["dev"]
        texts = [query.text for query in dev.queries]
        column = {passage.passage_id: number for number, passage in enumerate(self._dataset.passages)}
        relevant = [
            [column[name] for name, grade in dev.qrels[query.query_id].items() if grade > 0] for query in dev.queries
        ]
        dense = self._windows(encoder).best(encoder.encode_queries(texts) @ vectors.T)
        return choose_weight(dense, self._bm25.scores(texts), relevant)


def _write_per_query(path: Path, values: dict[str, PerQuery]) -> None:
    """Write one row for each query and system, a column for each measure."""
    names = list(next(iter(values.values())))
    rows = ["\t".join(("query-id", "system", *names))]
    for system, measures in values.items():
        for query_id in measures[names[0]]:
            rows.append("\t".join((query_id, system, *(f"{measures[name][query_id]:.6g}" for name in names))))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
