"""A run folder with a dataset and a model, as an evaluation reads it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from embedtune.config.settings import GenerateConfig
from embedtune.errors import DataError
from embedtune.project.layout import DATASET, MODEL
from embedtune.project.manifest import verify

_CORPUS = "corpus.jsonl"
_BEHIND_POOLING = ("base", "pca", "linear")


class TrainedRun(NamedTuple):
    """What two finished stages recorded.

    Attributes:
        folder: The run folder.
        dataset: Manifest of its dataset.
        model: Manifest of its model.
        settings: How the dataset was made.
    """

    folder: Path
    dataset: dict[str, Any]
    model: dict[str, Any]
    settings: GenerateConfig

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.resolve().name

    @property
    def merged(self) -> Path:
        """The model that was shipped."""
        return self.folder / MODEL / "merged"

    @property
    def has_sketch(self) -> bool:
        """Whether what was shipped has a lexical part beside its vectors."""
        facts = self.model["facts"]
        return (facts["shipped"], facts.get("method")) == ("tuned", "hybrid-vector")

    @property
    def base_passages(self) -> bool:
        """Whether the model of meaning that was shipped gives passages the vectors of the base."""
        facts = self.model["facts"]
        return facts["shipped"] == "base" or bool(facts.get("queries_only")) or self.has_sketch

    @property
    def base_tokens(self) -> bool:
        """Whether nothing before the pooling was tuned, words beside the vectors apart: tokens have the vectors of the base."""
        facts = self.model["facts"]
        return facts["shipped"] == "base" or facts.get("over", facts.get("method")) in _BEHIND_POOLING

    @property
    def seeds(self) -> tuple[int, int]:
        """Seeds of dataset and training."""
        return self.settings.seed, self.model["identity"]["config"]["seed"]


def read_trained_run(folder: Path) -> TrainedRun:
    """Read and verify a run.

    Raises:
        DataError: If a stage is missing.
        IntegrityError: If dataset or model were changed since they were written.
    """
    dataset, model = verify(folder / DATASET), verify(folder / MODEL)
    settings = GenerateConfig.model_validate({"source": "", **dataset["identity"]["config"]})
    return TrainedRun(folder, dataset, model, settings)


def check_comparable(run: TrainedRun, other: TrainedRun, *, own_queries: bool) -> None:
    """Refuse a run that cannot stand in one table with the first.

    Args:
        run: The one whose corpus is searched.
        other: A further one.
        own_queries: Whether the queries are given; else they are the first run's test split, and a run that was split in
            another way may have trained on them.

    Raises:
        DataError: If the corpus is another, or the split, where that matters.
    """
    mine, theirs = run.dataset["outputs"], other.dataset["outputs"]
    if mine[_CORPUS] != theirs[_CORPUS]:
        raise DataError(
            f"{other.folder}: expected the corpus of {run.folder}, found another",
            hint="runs are compared over one corpus; a model alone can be added with --model",
        )
    if not own_queries and mine != theirs:
        raise DataError(
            f"{other.folder}: expected the queries and splits of {run.folder}, found others: its training may have seen "
            "the test queries of that run",
            hint="give queries of your own with --queries, or train both on one dataset",
        )


def differ_in_seed_only(runs: Sequence[TrainedRun]) -> bool:
    """Tell whether several runs are one recipe with different seeds."""
    if len(runs) < 2:
        return False
    recipes = [
        (_without_seed(run.dataset["identity"]["config"]), _without_seed(run.model["identity"]["config"]))
        for run in runs
    ]
    same_base = len({run.model["identity"].get("model") for run in runs}) == 1
    all_differ = len({run.seeds for run in runs}) == len(runs)
    return same_base and all_differ and all(recipe == recipes[0] for recipe in recipes)


def _without_seed(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key != "seed"}
