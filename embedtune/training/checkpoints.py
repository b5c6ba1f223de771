"""Checkpoints: the state of a training on disk, so that whatever kills it costs some seconds and not the run.

A checkpoint is one file of torch's and a small record with its hash, which is written last; one without a record, or whose
bytes do not fit it, is passed over. Nothing but tensors, numbers and strings is read back (``weights_only``).
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from embedtune.errors import ResourceError
from embedtune.project.manifest import sync, write_json
from embedtune.regular import read_json, remove_folder
from embedtune.text.hashing import hash_file

State = dict[str, Any]

_KEPT = 2  # the last, and the one before it should that be torn
_log = logging.getLogger("embedtune")


class Checkpoints:
    """The checkpoints of one training.

    Attributes:
        folder: Their folder.
    """

    def __init__(self, folder: Path, identity: str, *, seconds: float) -> None:
        """Name a folder below that of the method by a hash, ``identity``; ``seconds`` lie between two saves at least."""
        self.folder = folder / identity[:16]
        self._seconds = seconds
        self._saved = time.monotonic()

    def remove_outdated(self) -> None:
        """Delete the checkpoints of other identities of the same method; no training can resume from them any more."""
        for other in self.folder.parent.glob("*"):
            if other != self.folder:
                remove_folder(other)

    def is_due(self) -> bool:
        """Return whether enough time has passed since the last save."""
        return time.monotonic() - self._saved >= self._seconds

    def save(self, step: int, state: State) -> None:
        """Write a checkpoint of tensors, numbers, strings, and lists and dictionaries of them.

        Raises:
            ResourceError: If the disk refuses.
        """
        import torch

        path = self.folder / f"step-{step:08d}.pt"
        part = path.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            torch.save(state, part)
            sync(part)
            part.rename(path)
            record = path.with_suffix(".json.part")
            write_json(record, {"step": step, "sha256": hash_file(path)})
            sync(record)
            record.rename(path.with_suffix(".json"))
            sync(self.folder)
        except (OSError, RuntimeError) as error:  # torch's writer turns a full disk into a RuntimeError
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise ResourceError(
                f"{path}: expected to write a checkpoint of step {step}, found: {error}",
                hint="free disk space and give the same command again; it goes on from the last checkpoint",
            ) from error
        for older in self._steps()[:-_KEPT]:
            self._remove(older)
        self._saved = time.monotonic()

    def latest(self) -> State | None:
        """Return the newest checkpoint that is whole, or None; torn ones are passed over with a warning."""
        for step in reversed(self._steps()):
            path = self.folder / f"step-{step:08d}.pt"
            try:
                return _read(path)
            except (OSError, ValueError, KeyError, TypeError, RuntimeError, UnpicklingError) as error:
                _log.warning("%s: not a whole checkpoint, passed over: %s", path, str(error).partition("\n")[0])
                self._remove(step)
        return None

    def _steps(self) -> list[int]:
        return sorted({int(path.stem.partition("-")[2]) for path in self.folder.glob("step-*.pt")})

    def _remove(self, step: int) -> None:
        for path in self.folder.glob(f"step-{step:08d}.*"):
            path.unlink(missing_ok=True)


def _read(path: Path) -> State:
    import torch

    record = read_json(path.with_suffix(".json"))
    if hash_file(path) != record["sha256"]:
        raise ValueError("its bytes do not fit its record")
    state: State = torch.load(path, weights_only=True)
    return state
