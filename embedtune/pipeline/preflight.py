"""Checks before a stage starts work, so that what would stop it after minutes stops it now, and all at once.

The estimates are rough on purpose and say so: disk from sizes of earlier runs, memory from the model's size, the batch and the
window (``memory_of_training`` has the formula and what it was checked against).
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from embedtune import machine
from embedtune.config.settings import EvaluateConfig, GenerateConfig, RunConfig, TrainConfig
from embedtune.documents import python_reference
from embedtune.errors import ConfigError, DataError, EmbedtuneError, IntegrityError, ResourceError
from embedtune.models.inspect import ModelSize, inspect_model
from embedtune.models.locate import find_model
from embedtune.project.manifest import MANIFEST
from embedtune.resources import find_query_set
from embedtune.retrieval.searcher import BLOCK
from embedtune.systems import systems_of_run

_log = logging.getLogger("embedtune")

_MIB = 1 << 20
_LIBRARIES = 1200 * _MIB  # torch, transformers, peft, bitsandbytes and datasets, loaded and warm
_SCORE_BYTES = 64  # of a passage and a query: cosine, BM25, their z-scores, ranks and sums
_PYTHON = 300 * _MIB  # under this not even the libraries load
_PASSAGE_BYTES = 700  # of text; more passages than queries are drawn from are not held
_SEVERITY = (IntegrityError, ResourceError, ConfigError, DataError)


class Findings:
    """Collects refusals; one is raised as it is, several become one that lists them all."""

    def __init__(self, *errors: EmbedtuneError) -> None:
        self._errors = list(errors)

    @contextmanager
    def of(self) -> Iterator[None]:
        """Note an error of ours that the block raises, and go on."""
        try:
            yield
        except EmbedtuneError as error:
            self._errors.append(error)

    def settle(self, where: str) -> None:
        """Raise what was found; of several kinds, the kind whose exit code is the more urgent.

        Raises:
            EmbedtuneError: Integrity before resources, resources before settings, settings before data.
        """
        if not self._errors:
            return
        if len(self._errors) == 1:
            raise self._errors[0]
        kind = next((kind for kind in _SEVERITY if any(isinstance(error, kind) for error in self._errors)), ConfigError)
        lines = "\n".join("  " + str(error).replace("\n", "\n  ") for error in self._errors)
        hints = list(dict.fromkeys(error.hint for error in self._errors if error.hint))
        raise kind(f"{where}: {len(self._errors)} problems before any work\n{lines}", hint="; ".join(hints) or None)


def find_base(name: str, folder: Path) -> Path:
    """Return the base model's folder; if there is none, say also whether the output could be written.

    Raises:
        EmbedtuneError: As ``find_model`` does, or with both problems.
    """
    try:
        return find_model(name)
    except EmbedtuneError as error:
        findings = Findings(error)
        with findings.of():
            check_writable(folder)
        findings.settle(str(folder))
        raise


def before_generate(config: GenerateConfig, folder: Path, base_folder: Path, source_bytes: int) -> Callable[[], None]:
    """Return the check of ``generate``, to be called when there is work to do."""

    def check() -> None:
        size, findings = _inspect(base_folder)
        disk = 5 * source_bytes + _MIB
        _check_output(findings, folder, disk, f"five times the {machine.in_words(source_bytes)} of text")
        held = 40 * min(source_bytes, _PASSAGE_BYTES * config.max_query_passages)
        _check_memory(findings, folder, _LIBRARIES + _weights(size) + held, "base model and passages", size)
        findings.settle(str(folder))

    return check


def before_train(
    config: TrainConfig, dataset_config: GenerateConfig, folder: Path, base_folder: Path
) -> Callable[[], None]:
    """Return the check of ``train``, to be called when there is work to do."""

    def check() -> None:
        size, findings = _inspect(base_folder)
        disk = 3 * (size.file_bytes if size else 0) + 16 * _MIB
        _check_output(findings, folder, disk, "three times the base model's weights")
        needed = memory_of_training(size, config.batch_size, dataset_config.window_tokens) if size else 0
        _check_memory(
            findings,
            folder,
            needed,
            f"batches of {config.batch_size} and windows of {dataset_config.window_tokens} tokens",
            size,
        )
        findings.settle(str(folder))

    return check


def before_evaluate(
    config: EvaluateConfig, folder: Path, base_folder: Path, n_queries: int, n_passages: int, n_added: int = 0
) -> Callable[[], None]:
    """Return the check of ``eval``, to be called when there is work to do; ``n_added`` models stand beside the run's own."""

    def check() -> None:
        size, findings = _inspect(base_folder)
        disk = n_queries * (len(systems_of_run()) + n_added) * (min(config.depth, n_passages) * 64 + 200) + _MIB
        _check_output(findings, folder, disk, f"run files of {n_queries} queries at depth {config.depth}")
        vectors = 3 * n_passages * 4 * (size.hidden if size else 0)
        needed = _LIBRARIES + 3 * _weights(size) + vectors + _SCORE_BYTES * min(n_queries, BLOCK) * n_passages
        _check_memory(findings, folder, needed, f"{n_queries} queries over {n_passages} passages", size)
        findings.settle(str(folder))

    return check


def before_run(config: RunConfig) -> None:
    """Check what the stages of a recipe name, before the first of them starts.

    Raises:
        EmbedtuneError: With every problem found.
    """
    findings, out = Findings(), Path(config.out)
    with findings.of():
        _check_source(config.generate.source)
    for name in config.eval.queries:
        with findings.of():
            _check_queries(name)
    for name in config.eval.models:
        with findings.of():
            inspect_model(find_model(name))
    size = None
    with findings.of():
        size = inspect_model(find_model(config.generate.model))
    unmade = [name for name in ("dataset", "model", "eval") if not (out / name / MANIFEST).is_file()]
    if unmade:  # a finished run can be looked at on a disk that is full or read-only
        disk = 3 * (size.file_bytes if size else 0) + 16 * _MIB
        _check_output(findings, out / unmade[0], disk, "three times the base model's weights")
    if "model" in unmade and size:
        needed = memory_of_training(size, config.train.batch_size, config.generate.window_tokens)
        _check_memory(findings, out, needed, f"training with batches of {config.train.batch_size}", size)
    findings.settle(str(out))


def memory_of_training(size: ModelSize, batch: int, window: int) -> int:
    """Estimate the peak memory of a training on the CPU, in bytes.

    Libraries, four copies of the weights in fp32 (the base, the merged one, the quantised one, one in passing), and what the
    backward pass keeps of each token in each layer: about 40 vectors of the layer's width and two rows of attention for each
    head, in fp32, for the passages and the shorter queries (a quarter of their tokens). Fitted to all-MiniLM-L6-v2 on a CPU;
    ``tests/pipeline/test_preflight.py`` holds it against the measured peaks.
    """
    tokens = batch * window * 1.25
    kept = tokens * size.layers * 4 * (40 * size.hidden + 2 * size.heads * window)
    return int(_LIBRARIES + 4 * _weights(size) + kept)


def check_writable(folder: Path) -> None:
    """Write a real file where a stage's folder is or will be; nothing stays.

    Raises:
        ResourceError: If the disk or a permission refuses.
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


def _check_output(findings: Findings, folder: Path, disk: int, why: str) -> None:
    with findings.of():
        check_writable(folder)
    with findings.of():
        free = machine.disk_free(folder)
        if free < disk:
            raise ResourceError(
                f"{folder}: expected about {machine.in_words(disk)} of free disk ({why}), found {machine.in_words(free)}",
                hint="free disk space or choose another --out",
            )


def _check_memory(findings: Findings, folder: Path, needed: int, why: str, size: ModelSize | None) -> None:
    """Refuse what cannot be: less than Python, the libraries' code and two copies of the weights; warn of what may not be."""
    found = machine.memory()
    least = _PYTHON + 2 * _weights(size)
    message = "%s: expected about %s of memory (%s), found %s available%s"
    limit = " under a container's limit" if found.limited else ""
    words = (folder, machine.in_words(needed), why, machine.in_words(found.available), limit)
    hint = "close other programs, or lower train.batch_size or generate.window_tokens"
    if found.available < least:
        with findings.of():
            raise ResourceError(f"{message % words}; {machine.in_words(least)} is the least", hint=hint)
    elif found.available < needed and not _has_gpu():
        _log.warning(message + "; trying all the same", *words)


def _inspect(base_folder: Path) -> tuple[ModelSize | None, Findings]:
    findings = Findings()
    with findings.of():
        return inspect_model(base_folder), findings
    return None, findings


def _has_gpu() -> bool:
    """Tell whether training would take another memory than the one that was looked at."""
    import torch

    return torch.cuda.is_available()


def _weights(size: ModelSize | None) -> int:
    return 4 * size.parameters if size else 0


def _check_source(name: str) -> None:
    if name != python_reference.NAME and not Path(name).exists():
        raise DataError.at(
            Path(name), None, "a folder of documents, a BEIR folder, a LlamaIndex .json file or python-reference", "nothing",
            hint="check generate.source",
        )  # fmt: skip


def _check_queries(name: str) -> None:
    if not Path(name).exists() and find_query_set(name) is None:
        raise DataError.at(
            Path(name), None, "a BEIR folder, a LlamaIndex .json file or the name of a packaged query set", "nothing",
            hint="check eval.queries",
        )  # fmt: skip
