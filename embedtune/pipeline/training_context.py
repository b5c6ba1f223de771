"""The context of a training: its base, its dataset, and the settings that follow from its labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from embedtune.config.settings import GenerateConfig
from embedtune.config.training import TrainConfig
from embedtune.dataset import read_dataset
from embedtune.models.encoder import choose_precision, load_encoder
from embedtune.models.locate import hash_model
from embedtune.project.layout import CHECKPOINTS, DATASET, TRAINER_LOGS, VECTORS
from embedtune.project.manifest import read_manifest
from embedtune.project.records import DatasetRecord
from embedtune.project.vector_cache import VectorCache
from embedtune.text.hashing import hash_json
from embedtune.training.checkpoints import Checkpoints
from embedtune.training.methods.context import Context
from embedtune.training.recipe import for_labels
from embedtune.training.start import Start
from embedtune.types import Progress, Vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from transformers import TrainerCallback


def open_context(
    config: TrainConfig,
    dataset_config: GenerateConfig,
    base_folder: Path,
    run: Path,
    identity: Mapping[str, object],
    callbacks: Sequence[TrainerCallback] = (),
    start: Start | None = None,
) -> Context:
    """Load the base and the dataset of a run; checkpoints of the training are kept under its identity."""
    base = load_encoder(base_folder, dataset_config, choose_precision(config.precision))
    dataset, vectors = read_dataset(run / DATASET), VectorCache(run / VECTORS)

    def encode_corpus(texts: Sequence[str], on_progress: Progress) -> Vectors:
        return vectors.documents(base, hash_model(base_folder), texts, on_progress)

    settings = for_labels(config, dataset.splits["train"])
    return Context(
        config=start.settings(settings) if start else settings,
        dataset_config=dataset_config,
        dataset=dataset,
        base=base,
        encode_corpus=encode_corpus,
        base_folder=base_folder,
        load_base=lambda: load_encoder(base_folder, dataset_config, "fp32").model,
        checkpoints=checkpoints_in(run / CHECKPOINTS, identity, config.checkpoint_seconds),
        callbacks=callbacks,
        start=start,
        updated=read_manifest(run / DATASET, DatasetRecord).record.updated_documents if start else (),
        log_folder=run / TRAINER_LOGS if config.trainer_args.get("report_to", "none") != "none" else None,
    )


def checkpoints_in(folder: Path, identity: Mapping[str, object], seconds: float) -> Callable[[str], Checkpoints]:
    """Return a function that gives the checkpoints of a method, for the training of this identity alone."""
    name = hash_json(identity)
    return lambda method: Checkpoints(folder / method, hash_json([name, method]), seconds=seconds)
