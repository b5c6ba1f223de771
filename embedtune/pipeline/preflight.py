"""Checks before a stage starts: what would stop it after minutes stops it now, with all problems at once.

Disk is estimated from the sizes of earlier runs, memory from the model's size, the batch and the window.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from embedtune import machine
from embedtune.config.settings import EvaluateConfig, GenerateConfig, RunConfig, TrainConfig
from embedtune.documents.reading import PYTHON_REFERENCE
from embedtune.errors import ConfigError, DataError, EmbedtuneError, IntegrityError, ResourceError
from embedtune.models.encoder import find_accelerator
from embedtune.models.inspect import ModelSize, inspect_model
from embedtune.models.locate import find_model
from embedtune.project.manifest import MANIFEST
from embedtune.resources import find_query_set
from embedtune.retrieval.searcher import BLOCK
from embedtune.systems import systems_of_run

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


def memory_of_training(size: ModelSize, batch: int, window: int) -> int:
    """Estimate the peak memory of a training on the CPU, in bytes.

    Libraries, four copies of the weights in fp32 (base, merged, quantised, one in passing), and what the backward pass keeps of
    each token in each layer: about 40 vectors of the layer's width and two rows of attention for each
    head, in fp32, for the passages and the shorter queries (a quarter of their tokens). Fitted to all-MiniLM-L6-v2 on a CPU;
    ``tests/pipeline/test_preflight.py`` holds it against the measured peaks.
    """
    tokens = batch * window * 1.25
    kept = tokens * size.layers * 4 * (40 * size.hidden + 2 * size.heads * window)
    return int(LIBRARIES + 4 * weights_bytes(size) + kept)


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
    found = machine.memory()
    least = _PYTHON + 2 * weights_bytes(size)
    message = "%s: expected about %s of memory (%s), found %s available%s"
    limit = " under a container's limit" if found.limited else ""
    words = (folder, machine.in_words(needed), why, machine.in_words(found.available), limit)
    hint = "close other programs, or lower train.batch_size or generate.window_tokens"
    if found.available < least:
        with problems.collect():
            raise ResourceError(f"{message % words}; {machine.in_words(least)} is the least", hint=hint)
    elif found.available < needed and find_accelerator() not in ("cuda", "xpu"):  # with memory of their own
        _log.warning(message + "; trying all the same", *words)


def weights_bytes(size: ModelSize | None) -> int:
    """Return the bytes of a model's weights in fp32, 0 where its size is not known."""
    return 4 * size.parameters if size else 0


_SCORE_BYTES = 64  # of a passage and a query: cosine, BM25, their z-scores, ranks and sums
_PASSAGE_BYTES = 700  # of text; more passages than queries are made from are not held


def find_base(name: str, folder: Path) -> Path:
    """Return the base model's folder; if there is none, say also whether the output could be written.

    Raises:
        EmbedtuneError: As ``find_model`` does, or with both problems.
    """
    try:
        return find_model(name)
    except EmbedtuneError as error:
        problems = Problems(error)
        with problems.collect():
            check_writable(folder)
        problems.raise_any(str(folder))
        raise


def before_generate(config: GenerateConfig, folder: Path, base_folder: Path, source_bytes: int) -> Callable[[], None]:
    """Return the check of ``generate``, to be called when there is work to do."""

    def check() -> None:
        size, problems = _inspect(base_folder)
        disk = 5 * source_bytes + MIB
        check_output(problems, folder, disk, f"five times the {machine.in_words(source_bytes)} of text")
        passages = 40 * min(source_bytes, _PASSAGE_BYTES * config.max_query_passages)
        check_memory(problems, folder, LIBRARIES + weights_bytes(size) + passages, "base model and passages", size)
        problems.raise_any(str(folder))

    return check


def before_train(
    config: TrainConfig, dataset_config: GenerateConfig, folder: Path, base_folder: Path
) -> Callable[[], None]:
    """Return the check of ``train``, to be called when there is work to do."""

    def check() -> None:
        size, problems = _inspect(base_folder)
        disk = 3 * (size.file_bytes if size else 0) + 16 * MIB
        check_output(problems, folder, disk, "three times the base model's weights")
        needed = memory_of_training(size, config.batch_size, dataset_config.window_tokens) if size else 0
        why = f"batches of {config.batch_size} and windows of {dataset_config.window_tokens} tokens"
        check_memory(problems, folder, needed, why, size)
        with problems.collect():
            _check_trainer_args(config)
        problems.raise_any(str(folder))

    return check


def before_evaluate(
    config: EvaluateConfig, folder: Path, base_folder: Path, n_queries: int, n_passages: int, n_added: int = 0
) -> Callable[[], None]:
    """Return the check of ``eval``, to be called when there is work to do; ``n_added`` models are added to the run's own."""

    def check() -> None:
        size, problems = _inspect(base_folder)
        disk = n_queries * (len(systems_of_run()) + n_added) * (min(config.depth, n_passages) * 64 + 200) + MIB
        check_output(problems, folder, disk, f"run files of {n_queries} queries at depth {config.depth}")
        vectors = 3 * n_passages * 4 * (size.hidden if size else 0)
        needed = LIBRARIES + 3 * weights_bytes(size) + vectors + _SCORE_BYTES * min(n_queries, BLOCK) * n_passages
        check_memory(problems, folder, needed, f"{n_queries} queries over {n_passages} passages", size)
        problems.raise_any(str(folder))

    return check


def before_run(config: RunConfig) -> None:
    """Check what the stages of a recipe name, before the first of them starts.

    Raises:
        EmbedtuneError: With every problem found.
    """
    problems, out = Problems(), Path(config.out)
    with problems.collect():
        _check_source(config.generate.source)
    for name in config.eval.queries:
        with problems.collect():
            _check_queries(name)
    for name in config.eval.models:
        with problems.collect():
            inspect_model(find_model(name))
    with problems.collect():
        _check_trainer_args(config.train)
    size = None
    with problems.collect():
        size = inspect_model(find_model(config.generate.model))
    unmade = [name for name in ("dataset", "model", "eval") if not (out / name / MANIFEST).is_file()]
    if unmade:  # a finished run can be looked at on a disk that is full or read-only
        disk = 3 * (size.file_bytes if size else 0) + 16 * MIB
        check_output(problems, out / unmade[0], disk, "three times the base model's weights")
    if "model" in unmade and size:
        needed = memory_of_training(size, config.train.batch_size, config.generate.window_tokens)
        check_memory(problems, out, needed, f"training with batches of {config.train.batch_size}", size)
    problems.raise_any(str(out))


def _inspect(base_folder: Path) -> tuple[ModelSize | None, Problems]:
    problems = Problems()
    with problems.collect():
        return inspect_model(base_folder), problems
    return None, problems


def _check_trainer_args(config: TrainConfig) -> None:
    if config.trainer_args:  # the import takes seconds
        from embedtune.training.trainer import check_trainer_args

        check_trainer_args(config.trainer_args)


def _check_source(name: str) -> None:
    if name != PYTHON_REFERENCE and not Path(name).exists():
        expected = "a folder of documents, a BEIR folder, a LlamaIndex .json file or python-reference"
        raise DataError.at(Path(name), None, expected, "nothing", hint="check generate.source")


def _check_queries(name: str) -> None:
    if not Path(name).exists() and find_query_set(name) is None:
        expected = "a BEIR folder, a LlamaIndex .json file or the name of a packaged query set"
        raise DataError.at(Path(name), None, expected, "nothing", hint="check eval.queries")
