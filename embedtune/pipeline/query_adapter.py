"""Tune a hosted embedding model: a linear adapter of its query vectors, fitted on a run's dataset.

Its passage vectors stay as they are, and so does every index of them. Each text is embedded once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embedtune.config.training import TrainConfig
from embedtune.dataset import read_dataset
from embedtune.evaluation.measures import means, per_query
from embedtune.formats.judgements import own_units
from embedtune.models.encoder import load_encoder
from embedtune.models.hosted import EmbeddingCache, HostedEmbedding, HostedEncoder
from embedtune.models.locate import find_model
from embedtune.pipeline.train import identity_of
from embedtune.project.layout import DATASET, QUERY_ADAPTER, VECTORS
from embedtune.project.lock import locked
from embedtune.project.manifest import stage_folder, verify, write_json
from embedtune.project.records import DatasetRecord, QueryAdapterRecord
from embedtune.project.stage import StageResult, skip_or_plan
from embedtune.project.trained_run import dataset_settings
from embedtune.retrieval.searcher import dense_run, units_of
from embedtune.retrieval.windows import corpus_windows
from embedtune.training.dev_set import build_dev_set, select_on_dev
from embedtune.training.methods.data import TrainingData, prepare_distillation
from embedtune.training.methods.query_adapters import fit_linear, interpolate
from embedtune.training.outcome import observe, why_not_shipped
from embedtune.types import Vectors

if TYPE_CHECKING:
    from torch import Tensor


@locked("run")
def fit_query_adapter(
    run: Path, embedding: HostedEmbedding, name: str, config: TrainConfig | None = None, *, force: bool = False
) -> StageResult[QueryAdapterRecord]:
    """Fit a linear query adapter of any LlamaIndex embedding: ``RUN/query_adapter``, with ``map.safetensors``.

    Teacher, strengths and selection on dev are those of ``train --method linear``; where the gain is no more than noise, only
    ``config.json`` is written, and queries stay as they are. The dataset's model splits passages into windows.

    Args:
        run: With a finished dataset.
        embedding: Called once for each text; its vectors are kept in ``RUN/.vectors``, even if the fit is interrupted.
        name: Of the model, such as ``openai:text-embedding-3-small``: vectors are kept under it.
        config: Of ``train``; the teacher and ``query_side`` are read.
        force: Fit again even if nothing has changed; vectors that are kept are not requested again.

    Returns:
        With a record of what was shipped, of dev retrieval, and of the measures on the test split with and without the
        adapter.

    Raises:
        DataError: If there is no dataset, or too few queries.
        ProviderError: If the model fails.
        IntegrityError: If the dataset was changed since it was written.
        ResourceError: If the folder cannot be written.
        InUseError: If another process works in the run folder.
    """
    config = config or TrainConfig(method="linear")
    run = Path(run)
    recorded = verify(run / DATASET, DatasetRecord)
    dataset_config = dataset_settings(recorded, trust_remote_code=config.trust_remote_code)
    base_folder = find_model(dataset_config.model, download=False)
    identity = identity_of("query_adapter", config, recorded, base_folder, embedding=name)
    if result := skip_or_plan(run / QUERY_ADAPTER, identity, QueryAdapterRecord, {}, force=force, dry_run=False):
        return result
    cache = EmbeddingCache(run / VECTORS, name)
    try:
        with stage_folder(run / QUERY_ADAPTER, identity) as stage:
            encoder = HostedEncoder(load_encoder(base_folder, dataset_config, "fp32"), embedding, cache)
            data = TrainingData(
                config=config,
                dataset_config=dataset_config,
                dataset=read_dataset(run / DATASET),
                base=encoder,
                encode_corpus=encoder.encode_documents,
            )
            stage.record = record = _tune(data, stage.path, name)
    finally:
        cache.close()
    return StageResult(run / QUERY_ADAPTER, "done", record)


def _tune(data: TrainingData, folder: Path, name: str) -> QueryAdapterRecord:
    import torch
    from safetensors.torch import save_file

    base, dev = data.base, build_dev_set(data.dataset, data.base, data.dataset_config, data.config)
    windows = base.encode_documents(dev.windows)
    queries = base.encode_queries(dev.queries)
    learned = prepare_distillation(data)
    matrix, losses = fit_linear(
        torch.from_numpy(learned.vectors), learned.passages, learned.teacher, data.config, temperature=data.temperature
    )
    by_strength = {
        strength: dev.scores_of(_adapt(queries, interpolate(matrix, strength)), windows)
        for strength in data.config.strengths
    }
    decision, _, dev_record = select_on_dev(dev, dev.scores_of(queries, windows), by_strength)
    chosen, reason = interpolate(matrix, decision.strength), ""
    if decision.ship == "base":
        observed = observe("linear", losses, queries, _adapt(queries, matrix))
        reason = why_not_shipped(decision.gain, decision.error, observed)
    else:
        save_file({"map": chosen.contiguous()}, str(folder / "map.safetensors"))
    write_json(folder / "config.json", {"embedding": name, "dimension": len(matrix), "shipped": decision.ship})
    return QueryAdapterRecord(
        embedding=name,
        shipped="tuned" if decision.ship == "tuned" else "base",
        strength=decision.strength,
        dimension=len(matrix),
        steps=len(losses),
        dev=dev_record,
        reason=reason,
        test=_measure(data, {"base": None, **({"tuned": chosen} if decision.ship == "tuned" else {})}),
    )


def _adapt(queries: Vectors, matrix: Tensor) -> Vectors:
    moved = queries @ matrix.numpy().T
    unit: Vectors = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return unit


def _measure(data: TrainingData, adapters: Mapping[str, Tensor | None]) -> dict[str, dict[str, float]]:
    """Return the measures with each adapter on the test split, in one search of the whole corpus."""
    passages, labelled, settings = data.dataset.passages, data.dataset.splits["test"], data.dataset_config
    windows = corpus_windows(passages, data.base, settings.window_tokens, settings.window_overlap)
    vectors = data.base.encode_documents(windows.texts)
    queries = data.base.encode_queries([query.text for query in labelled.queries])
    units = units_of(passages, labelled.judged_unit)
    ids, left_out = [query.query_id for query in labelled.queries], own_units(labelled, passages)
    measures = {}
    for name, matrix in adapters.items():
        adapted = queries if matrix is None else _adapt(queries, matrix)
        run = dense_run(ids, adapted, vectors, windows=windows, units=units, depth=100, left_out=left_out)
        measures[name] = means(per_query(labelled.qrels, run))
    return measures
