"""Checks of the machine before a stage starts: a folder that can be written, room on its disk, memory."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedtune import machine
from embedtune.errors import ConfigError, DataError, EmbedtuneError, IntegrityError, ResourceError
from embedtune.models.encoder import find_accelerator
from embedtune.models.inspect import ModelSize

MIB = 1 << 20
LIBRARIES = 1200 * MIB
"""Memory of torch, transformers, peft, bitsandbytes and datasets, loaded and warm."""

_PYTHON = 300 * MIB  # under this not even the libraries load
_SEVERITY = (IntegrityError, ResourceError, ConfigError, DataError)
_log = logging.getLogger("embedtune")


class Problems:
    """Collects errors; one is raised as it is, several become one that lists them all."""

    def __init__(self, *errors: EmbedtuneError) -> None:
        self._errors = list(errors)

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Collect an error of ours that the block raises, and go on."""
        try:
            yield
        except EmbedtuneError as error:
            self._errors.append(error)

    def raise_any(self, where: str) -> None:
        """Raise what was collected; of several kinds, the kind whose exit code is the most urgent.

        Integrity comes before resources, resources before settings, settings before data.
        """
        if not self._errors:
            return
        if len(self._errors) == 1:
            raise self._errors[0]
        kind = next((kind for kind in _SEVERITY if any(isinstance(error, kind) for error in self._errors)), ConfigError)
        lines = "\n".join("  " + str(error).replace("\n", "\n  ") for error in self._errors)
        hints = list(dict.fromkeys(error.hint for error in self._errors if error.hint))
        raise kind(f"{where}: {len(self._errors)} problems before any work\n{lines}", hint="; ".join(hints) or None)


def memory_of_training(size: ModelSize, batch: int, window: int) -> int:
    """Estimate the peak memory of a training on the CPU, in bytes.

    Libraries, four copies of the weights in fp32 (base, merged, quantised, one in passing), and what the backward pass keeps of
    each token in each layer: about 40 vectors of the layer's width and two rows of attention for each
    head, in fp32, for the passages and the shorter queries (a quarter of their tokens). Fitted to all-MiniLM-L6-v2 on a CPU;
    ``tests/pipeline/test_machine_checks.py`` compares it with the measured peaks.
    """
    tokens = batch * window * 1.25
    activations = tokens * size.layers * 4 * (40 * size.hidden + 2 * size.heads * window)
    return int(LIBRARIES + 4 * weights_bytes(size) + activations)


def check_writable(folder: Path) -> None:
    """Write a real file where a stage's folder is or will be; nothing stays.

    Raises ``ResourceError`` if the disk or a permission refuses.
    """
    try:
        if "\0" in str(folder):
            raise ValueError("a NUL character in its name")
        around = machine.nearest_folder(folder.parent)
        blocking = next((path for path in (folder, *folder.parents) if path.exists() and not path.is_dir()), None)
        if blocking:
            raise NotADirectoryError(f"{blocking} is a file")
        with tempfile.TemporaryFile(dir=around) as file:
            file.write(b"embedtune")
            file.flush()
    except (OSError, ValueError) as error:
        raise ResourceError(
            f"{folder}: expected a folder that can be written, found: {error}",
            hint="choose another folder with --out, or mend its permissions",
        ) from error


def check_output(problems: Problems, folder: Path, disk: int, why: str) -> None:
    """Check that a folder can be written and that its disk has room for so many bytes."""
    with problems.collect():
        check_writable(folder)
    with problems.collect():
        free = machine.disk_free(folder)
        if free < disk:
            raise ResourceError(
                f"{folder}: expected about {machine.in_words(disk)} of free disk ({why}), found {machine.in_words(free)}",
                hint="free disk space or choose another --out",
            )


def check_memory(problems: Problems, folder: Path, needed: int, why: str, size: ModelSize | None) -> None:
    """Refuse less than Python, the libraries' code and two copies of the weights; warn of less than the estimate."""
    memory = machine.memory()
    least = _PYTHON + 2 * weights_bytes(size)
    message = "%s: expected about %s of memory (%s), found %s available%s"
    limit = " under a container's limit" if memory.limited else ""
    words = (folder, machine.in_words(needed), why, machine.in_words(memory.available), limit)
    hint = "close other programs, or lower train.batch_size or generate.window_tokens"
    if memory.available < least:
        with problems.collect():
            raise ResourceError(f"{message % words}; {machine.in_words(least)} is the least", hint=hint)
    elif memory.available < needed and find_accelerator() not in ("cuda", "xpu"):  # with memory of their own
        _log.warning(message + "; trying all the same", *words)


def weights_bytes(size: ModelSize | None) -> int:
    """Return the bytes of a model's weights in fp32, 0 where its size is not known."""
    return 4 * size.parameters if size else 0
