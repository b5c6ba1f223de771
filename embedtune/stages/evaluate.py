"""Stage 3: base and tuned model, BM25 and fusion, on the same queries, with the same windows, prompts and tokenisation."""

from __future__ import annotations

import logging
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
from embedtune.progress import track
from embedtune.records import Dataset, QuerySet, Run
from embedtune.resources import find_query_set
from embedtune.retrieval.base_model import hash_model
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.encoder import Encoder, Vectors, choose_precision, load_model
from embedtune.retrieval.systems import dense_run, fused_runs, lexical_run, units_of
from embedtune.run_folder import hold
from embedtune.stages import preflight
from embedtune.stages.corpus import corpus_windows
from embedtune.stages.generate import FOLDER as DATASET
from embedtune.stages.judgements import check_judged, identical_passages, share_judgements
from embedtune.stages.result import StageResult, settled
from embedtune.stages.train import FOLDER as MODEL
from embedtune.training.merging import merge
from embedtune.training.quantisation import load_quantised

FOLDER = "eval"
SYSTEMS = (
    "bm25", "base", "base_quantized", "tuned", "hybrid_base", "hybrid_tuned", "rrf_base", "rrf_tuned",
)  # fmt: skip
_log = logging.getLogger("embedtune")


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
    queries = share_judgements(_find_queries(config, dataset), dataset.passages)
    base_folder = preflight.find_base(settings.model, run / FOLDER)
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
    check = preflight.before_evaluate(config, run / FOLDER, base_folder, len(queries.queries), len(dataset.passages))
    if result := settled(run / FOLDER, identity, plan, force=force, dry_run=dry_run, check=check):
        return result
    facts: dict[str, Any] = {}
    with stage_folder(run / FOLDER, identity, facts) as temporary:
        comparison = _Comparison(config, settings, base_folder, trained["facts"], dataset, queries)
        runs = comparison.runs(run / MODEL / "merged" if trained["facts"]["shipped"] == "tuned" else None)
        values = {system: per_query(queries.qrels, found) for system, found in runs.items()}
        for system, found in runs.items():
            write_run(temporary / f"{system}.run.trec", found, system)
        _write_per_query(temporary / "per_query.tsv", values)
        facts.update(
            schema_version=1,
            **plan,
            judges=queries.judges,
            identical_passages=identical_passages(dataset.passages),
            systems={system: _rounded(means(scores)) for system, scores in values.items()},
            fusion_weights=trained["facts"]["fusion_weights"],
            shipped=trained["facts"]["shipped"],
        )
        write_json(temporary / "metrics.json", facts)
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
    check_judged(str(path), queries.qrels, {passage.document_id for passage in dataset.passages})
    return queries


class _Comparison:
    """All systems of one table, over one corpus, with one set of windows and one BM25."""

    def __init__(
        self,
        config: EvaluateConfig,
        settings: GenerateConfig,
        base_folder: Path,
        trained: dict[str, Any],
        dataset: Dataset,
        queries: QuerySet,
    ) -> None:
        self._settings = settings
        self._base_folder = base_folder
        self._dataset = dataset
        self._queries = queries
        self._depth = config.depth
        self._precision = choose_precision(config.precision)
        self._base = self._load(base_folder)
        self._windows = corpus_windows(dataset.passages, self._base, settings.window_tokens, settings.window_overlap)
        self._units = units_of(dataset.passages, queries.judges)
        self._ids = [query.query_id for query in queries.queries]
        self._bm25 = BM25([passage.full_text for passage in dataset.passages])
        self._lexical = self._bm25.scores(_texts(queries))
        self._weights: dict[str, float] = trained["fusion_weights"]
        self._scheme = trained["quantize"] if trained["shipped"] == "tuned" else "none"

    def runs(self, tuned_folder: Path | None) -> dict[str, Run]:
        """Return the runs of all systems, in the order of the contract; without a tuned model those it needs are absent."""
        runs = {"bm25": lexical_run(self._ids, self._lexical, self._units, self._depth)}
        runs |= self._model_runs("base", self._base)
        if self._scheme != "none":
            vectors, queries = self._encode("base_quantized", self._load_quantised(self._scheme))
            runs["base_quantized"] = self._dense(queries, vectors)
        if tuned_folder:
            runs |= self._model_runs("tuned", self._load(tuned_folder))
        return {system: runs[system] for system in SYSTEMS if system in runs}

    def _load(self, folder: Path) -> Encoder:
        model = load_model(
            folder,
            query_prompt=self._settings.query_prompt,
            document_prompt=self._settings.document_prompt,
            trust_remote_code=self._settings.trust_remote_code,
        )
        return Encoder(model, precision=self._precision)

    def _load_quantised(self, scheme: str) -> Encoder:
        """Return the base with its weights rounded and written back: the start of the training, α = 0."""
        quantised = load_quantised(self._base_folder, scheme, trust_remote_code=self._settings.trust_remote_code)
        encoder = self._load(self._base_folder)
        merge(quantised, encoder.model)
        return encoder

    def _model_runs(self, name: str, encoder: Encoder) -> dict[str, Run]:
        """Return a model's dense run and both fusions with BM25."""
        vectors, queries = self._encode(name, encoder)
        summed, ranked = fused_runs(
            self._ids,
            queries,
            vectors,
            windows=self._windows,
            lexical=self._lexical,
            units=self._units,
            depth=self._depth,
            weight=self._weights[name],
        )
        return {name: self._dense(queries, vectors), f"hybrid_{name}": summed, f"rrf_{name}": ranked}

    def _dense(self, queries: Vectors, vectors: Vectors) -> Run:
        return dense_run(self._ids, queries, vectors, windows=self._windows, units=self._units, depth=self._depth)

    def _encode(self, name: str, encoder: Encoder) -> tuple[Vectors, Vectors]:
        texts = self._windows.texts
        with track(f"encode: {name}", len(set(texts)) + len(self._ids)) as report:
            return encoder.encode_documents(texts, report), encoder.encode_queries(_texts(self._queries), report)


def _rounded(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 6) for name, value in values.items()}


def _texts(queries: QuerySet) -> list[str]:
    return [query.text for query in queries.queries]


def _write_per_query(path: Path, values: dict[str, PerQuery]) -> None:
    """Write one row for each query and system, a column for each measure."""
    names = list(MEASURES)
    rows = ["\t".join(("query-id", "system", *names))]
    for system, measures in values.items():
        for query_id in measures[names[0]]:
            rows.append("\t".join((query_id, system, *(f"{measures[name][query_id]:.6g}" for name in names))))
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
