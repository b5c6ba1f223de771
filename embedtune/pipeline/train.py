"""Stage 2: dataset → one method, or the best of several → tuned model, or the base where tuning did not help."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from embedtune.config.settings import takes_settings
from embedtune.config.training import TrainConfig
from embedtune.models.locate import hash_model
from embedtune.pipeline import preflight
from embedtune.pipeline.model_cards import README, card_of
from embedtune.pipeline.training_context import open_context
from embedtune.processes import from_first, is_first, together
from embedtune.project.layout import BEFORE, CHECKPOINTS, DATASET, MODEL, VECTORS
from embedtune.project.lock import locked
from embedtune.project.manifest import Manifest, library_versions, read_manifest, stage_folder, verify
from embedtune.project.records import DatasetRecord, ModelRecord
from embedtune.project.stage import StageResult, skip_or_plan
from embedtune.project.trained_run import dataset_settings
from embedtune.project.vector_cache import VectorCache
from embedtune.regular import remove_folder
from embedtune.reports.card import model_card
from embedtune.training.methods.context import Context
from embedtune.training.methods.select import MethodSelection, select_method, selection_record
from embedtune.training.recipe import identity_of_recipe
from embedtune.training.saving import save_selection
from embedtune.training.start import Start, read_start

if TYPE_CHECKING:
    from transformers import TrainerCallback

_log = logging.getLogger("embedtune")


@takes_settings(TrainConfig)
@together()
@locked("run")
def train(
    config: TrainConfig,
    run: str | Path,
    *,
    force: bool = False,
    dry_run: bool = False,
    callbacks: Sequence[TrainerCallback] = (),
) -> StageResult[ModelRecord]:
    """Fine-tune the base model on a run's dataset: ``RUN/model`` with ``adapter/``, ``merged/`` and ``pairs.jsonl``.

    Training reads train and dev queries only. The best adapter and its interpolation strength are chosen by dev retrieval;
    when nothing beats the base by more than noise, ``merged/`` is the base and there is no ``adapter/``. An interrupted
    training resumes from its last whole checkpoint. With ``config.start`` it goes on from the adapter of another run, whose
    model is kept in ``before/``, and is kept itself where nothing after it is better. Processes that torchrun started share
    the work, and the first one writes.

    Args:
        config: Settings.
        run: The run folder, with a finished dataset.
        force: Work even if nothing has changed, and from the first step. If that is interrupted, the next call resumes from
            its checkpoint without ``force``; until it ends, the old result stays.
        dry_run: Report what would happen; write nothing.
        callbacks: Callbacks of transformers, for the methods that train by gradient steps.

    Returns:
        With a record of what was shipped, the dev curve, the losses and the checks of the saved model.

    Raises:
        ConfigError: If the base cannot have the method, ``config.start`` has no such adapter over this base, or an argument of
            ``config.trainer_args`` follows from other settings.
        DataError: If there is no dataset, no two pairs for a batch, or the loss is not finite.
        IntegrityError: If the dataset was changed, the saved model does not give the trained vectors, or a model to be
            shipped as tuned is the base.
        ResourceError: If the folder cannot be written.
        InUseError: If another process works in the run folder.
        StoppedError: After Ctrl-C or SIGTERM; the step was finished and saved.
    """
    run = Path(run)
    from_first(lambda: None)  # which holds the run folder by now
    recorded = verify(run / DATASET, DatasetRecord)
    dataset_config = dataset_settings(recorded, trust_remote_code=config.trust_remote_code)
    base_folder = preflight.find_base(dataset_config.model, run / MODEL, download=False)
    start = read_start(Path(config.start), hash_model(base_folder), config) if config.start else None
    further = {"start": start.hash} if start else {}
    identity = identity_of("train", config, recorded, base_folder, **further)
    plan = {"base_model": dataset_config.model, "train_queries": sum(recorded.record.queries["train"].values())}
    check = partial(preflight.before_train, config, dataset_config, run / MODEL, base_folder)
    result = from_first(
        lambda: skip_or_plan(run / MODEL, identity, ModelRecord, plan, force=force, dry_run=dry_run, check=check)
    )
    if is_first() and not dry_run and (result or force):  # it is done, or begins anew
        remove_folder(run / CHECKPOINTS)
    if result:
        return result
    for warning in recorded.record.warnings:
        _log.warning("%s", warning)
    with stage_folder(run / MODEL, identity) if is_first() else nullcontext() as stage:
        context = open_context(config, dataset_config, base_folder, run, identity, callbacks, start)
        selection = select_method(context, config.method)
        if stage:
            stage.record = _save(stage.path, selection, context, plan, start)
    return from_first(lambda: _finish(run, selection, context))


def _save(
    folder: Path, selection: MethodSelection, context: Context, plan: Mapping[str, object], start: Start | None
) -> ModelRecord:
    _log.info("saving the model, and checking it in another process")
    checks = save_selection(folder, selection, context)
    record = selection_record(context, selection, {**plan, **({"start": start.name} if start else {})}, checks)
    if start:  # for eval: what going on has gained and lost
        shutil.copytree(start.folder / "merged", folder / BEFORE)
    card = card_of(record, context.dataset_config, context.base.model.prompts, len(context.dataset.passages))
    (folder / "merged" / README).write_text(model_card(card), encoding="utf-8")
    return record


def _finish(run: Path, selection: MethodSelection, context: Context) -> StageResult[ModelRecord]:
    """Remove what a resumption would need, and keep for eval and serving what was encoded."""
    saved = read_manifest(run / MODEL, ModelRecord)
    remove_folder(run / CHECKPOINTS)
    if selection.ships and (corpus := selection.best.tuned.corpus):
        VectorCache(run / VECTORS).keep(context.base, saved.outputs_hash, *corpus)
    _log.info("%s: saved the %s model", run / MODEL, saved.record.shipped)
    return StageResult(run / MODEL, "done", saved.record)


def identity_of(
    stage: str, config: TrainConfig, dataset: Manifest[DatasetRecord], base_folder: Path, **further: str
) -> dict[str, object]:
    """Return all that determines the outcome of a training."""
    return {
        "stage": stage,
        **further,
        **identity_of_recipe(config, dataset.record.queries["train"]),
        "config": config.model_dump(mode="json", exclude={"checkpoint_seconds", "start"}),
        "dataset": dataset.outputs,
        "dataset_identity": dataset.identity_hash,
        "model": hash_model(base_folder),
        "versions": library_versions(),
    }
