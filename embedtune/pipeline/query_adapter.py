"""Tune an embedder that is not ours to change: a linear map of its query vectors, fitted on a run's dataset.

Its passages stay as they are, and so does every index of them. What is needed of the embedder are vectors, asked for once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embedtune.config.settings import GenerateConfig, TrainConfig
from embedtune.dataset import Dataset, read_dataset
from embedtune.evaluation.measures import means, per_query
from embedtune.models.encoder import Encoder, load_encoder
from embedtune.models.locate import find_model, hash_model
from embedtune.pipeline.hosted_embeddings import EmbeddingCache, HostedEmbedding, HostedEncoder
from embedtune.project.layout import DATASET, QUERY_ADAPTER, VECTORS
from embedtune.project.lock import locked
from embedtune.project.manifest import library_versions, stage_folder, verify, write_json
from embedtune.project.records import DatasetRecord, DevRecord, QueryAdapterRecord
from embedtune.project.stage import StageResult, skip_or_plan
from embedtune.project.trained_run import dataset_settings
from embedtune.project.vector_cache import CachedEncoder, VectorCache
from embedtune.retrieval.corpus import corpus_windows
from embedtune.retrieval.searcher import dense_run, units_of
from embedtune.training.dev_set import build_dev_set
from embedtune.training.fit import DevRetrieval
from embedtune.training.methods.context import Context, judge
from embedtune.training.methods.query_adapters import fit_to_lesson
from embedtune.training.methods.teacher import prepare_distillation
from embedtune.types import Vectors

if TYPE_CHECKING:
    from torch import Tensor

_DEPTH = 100


@locked("run")
def fit_query_adapter(
    run: Path, embedding: HostedEmbedding, name: str, config: TrainConfig | None = None, *, force: bool = False
) -> StageResult[QueryAdapterRecord]:
    """Fit a map of the query vectors of any LlamaIndex embedding: ``RUN/query_adapter``, with ``map.safetensors``.

    The teacher, the strength and the gate are those of ``train --method linear``; where the map gains no more than noise on
    dev, nothing but ``config.json`` is written, and queries stay as they are. The dataset's model cuts the windows.

    Args:
        run: With a finished dataset.
        embedding: Is asked for each text once; its vectors are kept in ``RUN/.vectors``, whatever breaks off.
        name: Of the embedder, such as ``openai:text-embedding-3-small``: vectors are kept under it.
        config: Of ``train``; the teacher and ``query_side`` are read.
        force: Fit anew even if nothing has changed; vectors that are there are not asked for again.

    Returns:
        With a record of what was shipped, of dev retrieval, and of the measures on the test split with and without the map.

    Raises:
        DataError: If there is no dataset, or too few queries.
        ProviderError: If the embedder fails.
        IntegrityError: If the dataset was changed since it was written.
        ResourceError: If the folder cannot be written.
        InUseError: If another process works in the run folder.
    """
    config = config or TrainConfig(method="linear")
    run = Path(run)
    recorded = verify(run / DATASET, DatasetRecord)
    made = dataset_settings(recorded)
    base_folder = find_model(made.model)
    identity = {
        "stage": "query_adapter",
        "embedding": name,
        "config": config.model_dump(mode="json", exclude={"checkpoint_seconds"}),
        "dataset": recorded.outputs,
        "dataset_identity": recorded.identity_hash,
        "model": hash_model(base_folder),
        "versions": library_versions(),
    }
    if result := skip_or_plan(run / QUERY_ADAPTER, identity, QueryAdapterRecord, {}, force=force, dry_run=False):
        return result
    kept = EmbeddingCache(run / VECTORS, name)
    try:
        with stage_folder(run / QUERY_ADAPTER, identity) as stage:
            encoder = HostedEncoder(load_encoder(base_folder, made, "fp32"), embedding, kept)
            context = _context(config, made, base_folder, read_dataset(run / DATASET), encoder, run)
            stage.record = record = _tune(context, stage.path, name)
    finally:
        kept.close()
    return StageResult(run / QUERY_ADAPTER, "done", record)


class _AsAsked(VectorCache):
    """Keeps nothing again: the encoder keeps every text."""

    def documents(
        self, encoder: CachedEncoder, model: str, texts: Sequence[str], on_progress: Callable[[int], None] | None = None
    ) -> Vectors:
        return encoder.encode_documents(texts, on_progress)


def _context(
    config: TrainConfig,
    dataset_config: GenerateConfig,
    base_folder: Path,
    dataset: Dataset,
    encoder: HostedEncoder,
    run: Path,
) -> Context:
    dev = build_dev_set(dataset, encoder, dataset_config, config)
    return Context(
        config=config,
        dataset_config=dataset_config,
        base_folder=base_folder,
        dataset=dataset,
        base=encoder,
        precision="fp32",
        retrieval=DevRetrieval(dev, encoder, encoder.model, precision="fp32"),
        vectors=_AsAsked(run / VECTORS),
        checkpoints=run,
        identity="",
    )


def _tune(context: Context, folder: Path, name: str) -> QueryAdapterRecord:
    from safetensors.torch import save_file

    from embedtune.training.query_adapters import interpolated

    matrix, losses = fit_to_lesson(context, prepare_distillation(context))
    windows = context.base.encode_documents(context.dev.windows)
    dense = {
        strength: context.dev.dense_scores(_Mapped(context.base, interpolated(matrix, strength)), windows=windows)
        for strength in context.config.strengths
    }
    decision, _, dev = judge(context, dense)
    ships = decision.ship == "tuned"
    chosen = interpolated(matrix, decision.strength)
    if ships:
        save_file({"map": chosen.contiguous()}, str(folder / "map.safetensors"))
    shipped = decision.ship
    write_json(folder / "config.json", {"embedding": name, "dimension": len(matrix), "shipped": shipped})
    return QueryAdapterRecord(
        embedding=name,
        shipped="tuned" if ships else "base",
        strength=decision.strength,
        dimension=len(matrix),
        steps=len(losses),
        dev=DevRecord.from_json(dev),
        test=_measure(context, {"base": context.base} | ({"tuned": _Mapped(context.base, chosen)} if ships else {})),
    )


class _Mapped:
    """An encoder with the map behind its queries; see ``evaluation.dev_set.TextEncoder``."""

    def __init__(self, encoder: Encoder, matrix: Tensor) -> None:
        self._encoder = encoder
        self._matrix = matrix.numpy()

    def encode_queries(self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None) -> Vectors:
        moved = self._encoder.encode_queries(texts, on_progress) @ self._matrix.T
        unit: Vectors = moved / np.linalg.norm(moved, axis=1, keepdims=True)
        return unit

    def encode_documents(self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None) -> Vectors:
        return self._encoder.encode_documents(texts, on_progress)


def _measure(context: Context, encoders: dict[str, Encoder | _Mapped]) -> dict[str, dict[str, float]]:
    """Return the measures of each encoder on the test split, in one search of the whole corpus."""
    passages, labelled = context.dataset.passages, context.dataset.splits["test"]
    windows = corpus_windows(
        passages, context.base, context.dataset_config.window_tokens, context.dataset_config.window_overlap
    )
    vectors = context.base.encode_documents(windows.texts)
    units = units_of(passages, labelled.judged_unit)
    ids = [query.query_id for query in labelled.queries]
    texts = [query.text for query in labelled.queries]
    found = {
        name: dense_run(ids, encoder.encode_queries(texts), vectors, windows=windows, units=units, depth=_DEPTH)
        for name, encoder in encoders.items()
    }
    return {name: means(per_query(labelled.qrels, run)) for name, run in found.items()}
