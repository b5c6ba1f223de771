"""Tune a hosted embedding model: a linear adapter of its query vectors, fitted on a run's dataset.

Its passage vectors stay as they are, and so does every index of them. Each text is embedded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embedtune.config.settings import TrainConfig
from embedtune.dataset import read_dataset
from embedtune.evaluation.measures import means, per_query
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
from embedtune.types import Progress, TextEncoder, Vectors

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
    dataset_config = dataset_settings(recorded)
    base_folder = find_model(dataset_config.model)
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
    scores = dev.dense_scores(base, windows=windows)
    learned = prepare_distillation(data)
    matrix, losses = fit_linear(torch.from_numpy(learned.vectors), learned.passages, learned.teacher, data.config)
    by_strength = {
        strength: dev.dense_scores(_Adapted(base, interpolate(matrix, strength)), windows=windows)
        for strength in data.config.strengths
    }
    decision, _, dev_record = select_on_dev(dev, scores, by_strength)
    chosen = interpolate(matrix, decision.strength)
    encoders: dict[str, TextEncoder] = {"base": base}
    if decision.ship == "tuned":
        encoders["tuned"] = _Adapted(base, chosen)
        save_file({"map": chosen.contiguous()}, str(folder / "map.safetensors"))
    write_json(folder / "config.json", {"embedding": name, "dimension": len(matrix), "shipped": decision.ship})
    return QueryAdapterRecord(
        embedding=name,
        shipped="tuned" if decision.ship == "tuned" else "base",
        strength=decision.strength,
        dimension=len(matrix),
        steps=len(losses),
        dev=dev_record,
        test=_measure(data, encoders),
    )


class _Adapted:
    """A ``TextEncoder`` that multiplies query vectors by a matrix."""

    def __init__(self, encoder: TextEncoder, matrix: Tensor) -> None:
        self._encoder = encoder
        self._matrix = matrix.numpy()

    def encode_queries(self, texts: Sequence[str], on_progress: Progress | None = None) -> Vectors:
        moved = self._encoder.encode_queries(texts, on_progress) @ self._matrix.T
        unit: Vectors = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        return unit

    def encode_documents(self, texts: Sequence[str], on_progress: Progress | None = None) -> Vectors:
        return self._encoder.encode_documents(texts, on_progress)


def _measure(data: TrainingData, encoders: dict[str, TextEncoder]) -> dict[str, dict[str, float]]:
    """Return the measures of each encoder on the test split, in one search of the whole corpus."""
    passages, labelled, settings = data.dataset.passages, data.dataset.splits["test"], data.dataset_config
    windows = corpus_windows(passages, data.base, settings.window_tokens, settings.window_overlap)
    vectors = data.base.encode_documents(windows.texts)
    units = units_of(passages, labelled.judged_unit)
    ids = [query.query_id for query in labelled.queries]
    texts = [query.text for query in labelled.queries]
    runs = {
        name: dense_run(ids, encoder.encode_queries(texts), vectors, windows=windows, units=units, depth=100)
        for name, encoder in encoders.items()
    }
    return {name: means(per_query(labelled.qrels, run)) for name, run in runs.items()}
