"""Checks before a stage starts work, so that what would stop it after minutes stops it now, and all problems at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from embedtune import machine
from embedtune.config.settings import EvaluateConfig, GenerateConfig, RunConfig, TrainConfig
from embedtune.documents.reading import PYTHON_REFERENCE
from embedtune.errors import DataError, EmbedtuneError
from embedtune.models.inspect import ModelSize, inspect_model
from embedtune.models.locate import find_model
from embedtune.pipeline import machine_checks as checks
from embedtune.pipeline.machine_checks import LIBRARIES, MIB, Problems, check_memory, check_output, weights_bytes
from embedtune.project.manifest import MANIFEST
from embedtune.resources import find_query_set
from embedtune.retrieval.searcher import BLOCK
from embedtune.systems import systems_of_run

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
            checks.check_writable(folder)
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
        needed = checks.memory_of_training(size, config.batch_size, dataset_config.window_tokens) if size else 0
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
        needed = checks.memory_of_training(size, config.train.batch_size, config.generate.window_tokens)
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
