"""Model cards, and the export of a model with its card.

``train`` writes its part of the card into ``merged/``; ``eval`` writes the whole card into ``eval/``, because a stage is the
only writer of its folder and the model stays as it was measured; ``export_model`` puts the whole card in its place.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from embedtune.config.settings import GenerateConfig
from embedtune.errors import DataError
from embedtune.project.evaluation_records import QuerySetRecord
from embedtune.project.layout import DATASET, EVAL, MODEL
from embedtune.project.lock import locked
from embedtune.project.manifest import library_versions, verify
from embedtune.project.records import ModelRecord, Record
from embedtune.project.trained_run import why_stale
from embedtune.project.writing import check_new, check_outside, new_folder
from embedtune.reports.card import Card

_log = logging.getLogger("embedtune")

README = "README.md"
"""The card of a model folder, by the hub's convention."""

MODEL_CARD = "model_card.md"
"""The card that eval writes."""


def card_of(
    record: ModelRecord,
    dataset_config: GenerateConfig,
    prompts: Mapping[str, str],
    n_passages: int,
    results: Sequence[QuerySetRecord] = (),
) -> Card:
    """Return the card of a trained model; before the evaluation there are no results on query sets."""
    name, version = dataset_config.model, library_versions()["embedtune"]
    on_hub = None if Path(name).exists() else name
    return Card(on_hub, record, prompts, dataset_config.window_tokens, version, n_passages, results)


@locked("run")
def export_model(run: Path, folder: Path) -> Path:
    """Copy the model that training shipped to a new folder, and put the evaluation's card into it as ``README.md``.

    The run folder stays as it is. Nothing of the user's documents is in the copy.

    Args:
        run: A run folder with a finished model and evaluation.
        folder: Made; what is there already is not touched.

    Returns:
        The new folder.

    Raises:
        ConfigError: If the folder is there already, or would lie in the run folder.
        DataError: If a stage is missing, or the evaluation is of an earlier model.
        IntegrityError: If a stage was changed since it was written.
        InUseError: If another process works in the run folder.
        ResourceError: If the folder cannot be written.
    """
    check_new(folder)
    check_outside(folder, run, "FOLDER")
    dataset, model = verify(run / DATASET, Record), verify(run / MODEL, Record)
    evaluation = verify(run / EVAL, Record)
    if evaluation.identity.model != model.outputs:
        raise DataError(
            f"{run / EVAL}: expected the evaluation of this model, found that of an earlier one",
            hint=f"embedtune eval {run}",
        )
    if stale := why_stale(run, model, dataset):
        _log.warning("%s: the card tells what was measured; %s", run, stale)
    with new_folder(folder) as part:
        shutil.copytree(run / MODEL / "merged", part, dirs_exist_ok=True)
        shutil.copyfile(run / EVAL / MODEL_CARD, part / README)
    return folder
