"""Bring a run up to date with its documents: new passages and queries, and training that goes on from the adapter."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

from embedtune.config.settings import GenerateConfig, takes_settings
from embedtune.config.training import TrainConfig
from embedtune.documents.inventory import Changes
from embedtune.errors import ConfigError, DataError
from embedtune.formats.beir import is_beir
from embedtune.models.locate import hash_model
from embedtune.pipeline import preflight
from embedtune.pipeline.status import changes_since
from embedtune.pipeline.train import train
from embedtune.pipeline.update_dataset import write_update
from embedtune.project.layout import DATASET, MODEL
from embedtune.project.lock import locked
from embedtune.project.manifest import Manifest, verify
from embedtune.project.records import DatasetRecord, ModelRecord
from embedtune.project.stage import StageResult
from embedtune.project.trained_run import dataset_settings, recorded_settings, why_stale
from embedtune.training.start import read_start

_log = logging.getLogger("embedtune")


class UpdatedRun(NamedTuple):
    """What an update did: the changes of the documents, and the stages; None where it was a dry run or all is as it was."""

    changes: Changes
    dataset: StageResult[DatasetRecord] | None
    model: StageResult[ModelRecord] | None


@takes_settings(TrainConfig)
@locked("run")
def update(config: TrainConfig, run: str | Path, *, dry_run: bool = False) -> UpdatedRun:
    """Read what has changed in a run's documents, draw queries from it, and train the run's model further.

    Files are compared by their hashes. Only new and changed ones are read and cut, and queries are drawn from passages that
    were not there before; all others keep theirs, and stay in their split. Training goes on from the run's adapter, with the
    new pairs and ``config.replay`` times as many of the earlier ones, drawn at random (experience replay, Rolnick et al. 2019).
    A model without an adapter is trained anew on everything. The model until now is kept in ``RUN/model/before``, for ``eval``.
    An interrupted update goes on where it stopped.

    Args:
        config: Settings of the training, where they differ from those of the run's model.
        run: Run folder with dataset and model, made from a folder of documents by rules.
        dry_run: Only compare; write nothing.

    Raises:
        ConfigError: If the queries of the run came from labels or a language model.
        DataError: If dataset or model are missing, the documents cannot be read, or the model belongs to another dataset.
        IntegrityError: If dataset or model were changed since they were written.
        ResourceError: If the folder cannot be written.
        InUseError: If another process works in the run folder.
        StoppedError: After Ctrl-C or SIGTERM; the step was finished and saved.
    """
    run = Path(run)
    recorded, model = verify(run / DATASET, DatasetRecord), verify(run / MODEL, ModelRecord)
    source = recorded.circumstances.source or ""
    settings = dataset_settings(recorded, trust_remote_code=config.trust_remote_code)
    settings = settings.model_copy(update={"source": source})
    changes, why_unknown = changes_since(run, recorded)
    if changes is None:
        raise DataError(f"{run}: expected documents to compare with, found that {why_unknown}")
    _check_source(run, settings, recorded)
    is_broken_off = recorded.identity.stage == "update" and why_stale(run, model, recorded) != ""
    if why_stale(run, model, recorded) and not is_broken_off:
        raise DataError(
            f"{run}: expected a model of this dataset, found one of an earlier dataset", hint=f"embedtune train {run}"
        )
    if dry_run or not (changes or is_broken_off):
        return UpdatedRun(changes, None, None)
    dataset = write_update(run, recorded, settings, changes) if changes else None
    wanted = _training(config, run, settings, model)
    return UpdatedRun(changes, dataset, train(wanted, run))


def _check_source(run: Path, settings: GenerateConfig, recorded: Manifest[DatasetRecord]) -> None:
    """Refuse what cannot be drawn from in parts."""
    found = None
    if settings.generator != "extractive" or settings.queries_from != "generate" or recorded.circumstances.labels:
        found = "labels or a language model"
    elif not Path(settings.source).is_dir() or is_beir(Path(settings.source)):
        found = f"{settings.source or 'a corpus'}, which is no folder of documents"
    if found:
        raise ConfigError(
            f"{run}: expected a run whose queries were drawn by rules from a folder of documents, found {found}",
            hint="run generate and train again; answers of a language model that are kept are not paid for twice",
        )


def _training(config: TrainConfig, run: Path, settings: GenerateConfig, model: Manifest[ModelRecord]) -> TrainConfig:
    """Return the settings of the run's model with those that are given now, and with its adapter as the start if it has one."""
    before = recorded_settings(TrainConfig, model.identity.config).model_dump(exclude={"start"})
    given = config.model_dump(exclude_unset=True)
    wanted = TrainConfig.model_validate({**before, **given}).model_copy(
        update={"trust_remote_code": config.trust_remote_code}
    )
    base_folder = preflight.find_base(settings.model, run / MODEL, download=False)
    try:
        read_start(run, hash_model(base_folder), wanted)
    except ConfigError as error:
        _log.warning("%s; training begins anew from the base, on everything", error)
        return wanted
    return wanted.model_copy(update={"start": str(run)})
