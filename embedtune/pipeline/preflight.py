"""Checks before a stage starts: what would stop it after minutes stops it now, with all problems at once.

Disk is estimated from the sizes of earlier runs, memory from the model's size, the batch and the window.
"""

from __future__ import annotations

from pathlib import Path

from embedtune import machine
from embedtune.config.index_form import IndexForm
from embedtune.config.settings import EvaluateConfig, GenerateConfig, RunConfig
from embedtune.config.training import TrainConfig
from embedtune.documents.reading import PYTHON_REFERENCE
from embedtune.errors import DataError, EmbedtuneError
from embedtune.models.inspect import ModelSize, inspect_model, read_dimension
from embedtune.models.locate import find_model
from embedtune.pipeline.machine_checks import (
    LIBRARIES,
    MIB,
    Problems,
    check_memory,
    check_output,
    check_writable,
    memory_of_training,
    weights_bytes,
)
from embedtune.project.manifest import MANIFEST
from embedtune.resources import find_query_set
from embedtune.retrieval.approximate_index import check_index
from embedtune.retrieval.searcher import BLOCK
from embedtune.systems import systems_of_run

_SCORE_BYTES = 64  # of a passage and a query: cosine, BM25, their z-scores, ranks and sums
_PASSAGE_BYTES = 700  # of text; passages beyond the sample that queries are made from do not count


def find_base(name: str, folder: Path, *, download: bool = True) -> Path:
    """Return the base model's folder; if there is none, say also whether the output could be written.

    Raises ``EmbedtuneError`` as ``find_model`` does, or with both problems.
    """
    try:
        return find_model(name, download=download)
    except EmbedtuneError as error:
        problems = Problems(error)
        with problems.collect():
            check_writable(folder)
        problems.raise_any(str(folder))
        raise


def before_generate(config: GenerateConfig, folder: Path, base_folder: Path, source_bytes: int) -> None:
    """Check what ``generate`` needs; raises ``EmbedtuneError`` with every problem."""
    size, problems = _inspect(base_folder)
    disk = 5 * source_bytes + MIB
    check_output(problems, folder, disk, f"five times the {machine.in_words(source_bytes)} of text")
    passages = 40 * min(source_bytes, _PASSAGE_BYTES * config.max_query_passages)
    check_memory(problems, folder, LIBRARIES + weights_bytes(size) + passages, "base model and passages", size)
    problems.raise_any(str(folder))


def before_train(config: TrainConfig, dataset_config: GenerateConfig, folder: Path, base_folder: Path) -> None:
    """Check what ``train`` needs; raises ``EmbedtuneError`` with every problem."""
    size, problems = _inspect(base_folder)
    disk = 3 * (size.file_bytes if size else 0) + 16 * MIB
    check_output(problems, folder, disk, "three times the base model's weights")
    needed = memory_of_training(size, config.batch_size, dataset_config.window_tokens) if size else 0
    why = f"batches of {config.batch_size} and windows of {dataset_config.window_tokens} tokens"
    check_memory(problems, folder, needed, why, size)
    with problems.collect():
        _check_trainer_args(config)
    problems.raise_any(str(folder))


def before_evaluate(
    config: EvaluateConfig, folder: Path, base_folder: Path, n_queries: int, n_passages: int, n_added: int = 0
) -> None:
    """Check what ``eval`` needs; ``n_added`` models are added to the run's own.

    Raises ``EmbedtuneError`` with every problem.
    """
    size, problems = _inspect(base_folder)
    disk = n_queries * (len(systems_of_run()) + n_added) * (min(config.depth, n_passages) * 64 + 200) + MIB
    check_output(problems, folder, disk, f"run files of {n_queries} queries at depth {config.depth}")
    vectors = 3 * n_passages * 4 * (size.hidden if size else 0)
    needed = LIBRARIES + 3 * weights_bytes(size) + vectors + _SCORE_BYTES * min(n_queries, BLOCK) * n_passages
    check_memory(problems, folder, needed, f"{n_queries} queries over {n_passages} passages", size)
    for name in config.index:
        with problems.collect():
            check_index(IndexForm.parse(name), read_dimension(base_folder), n_passages)
    problems.raise_any(str(folder))


def before_run(config: RunConfig) -> None:
    """Check what the stages of a recipe name, before the first of them starts; raises ``EmbedtuneError`` with every problem."""
    problems, out = Problems(), Path(config.out)
    with problems.collect():
        source = config.generate.source
        expected = "a folder of documents, a BEIR folder, a LlamaIndex .json file or python-reference"
        _require_data(source, source == PYTHON_REFERENCE, expected, "generate.source")
    expected = "a BEIR folder, a LlamaIndex .json file or the name of a packaged query set"
    for name in config.eval.queries:
        with problems.collect():
            _require_data(name, find_query_set(name) is not None, expected, "eval.queries")
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


def _require_data(name: str, is_packaged: bool, expected: str, setting: str) -> None:
    if not is_packaged and not Path(name).exists():
        raise DataError.at(Path(name), None, expected, "nothing", hint=f"check {setting}")
