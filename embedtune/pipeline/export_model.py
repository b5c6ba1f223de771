"""The model leaves the run folder: a copy of ``model/merged`` with the card that says what was measured."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from embedtune.errors import ConfigError, DataError, ResourceError
from embedtune.pipeline.model_cards import MODEL_CARD, README
from embedtune.project.layout import EVAL, MODEL
from embedtune.project.lock import locked
from embedtune.project.manifest import sync, verify
from embedtune.project.records import Record


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
        ConfigError: If the folder is there already.
        DataError: If a stage is missing, or the evaluation is of an earlier model.
        IntegrityError: If a stage was changed since it was written.
        InUseError: If another process works in the run folder.
        ResourceError: If the folder cannot be written.
    """
    if folder.exists():
        raise ConfigError(f"{folder}: expected a folder to be made, found one", hint="name another, or move it away")
    model, evaluation = verify(run / MODEL, Record), verify(run / EVAL, Record)
    if evaluation.identity.model != model.outputs:
        raise DataError(
            f"{run / EVAL}: expected the evaluation of this model, found that of an earlier one",
            hint=f"embedtune eval {run}",
        )
    try:
        _copy(run, folder)
    except OSError as error:
        raise ResourceError(
            f"{folder}: expected to write there, found: {error}", hint="free disk space or choose another folder"
        ) from error
    return folder


def _copy(run: Path, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".embedtune-export-", dir=folder.parent) as scratch:
        copy = Path(scratch) / folder.name
        shutil.copytree(run / MODEL / "merged", copy)
        shutil.copyfile(run / EVAL / MODEL_CARD, copy / README)
        for path in (*copy.rglob("*"), copy):
            sync(path)
        copy.rename(folder)
    sync(folder.parent)
