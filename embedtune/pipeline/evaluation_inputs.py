"""What an evaluation reads: runs, query sets and models."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from embedtune.config.settings import EvaluateConfig
from embedtune.dataset import Dataset, read_dataset
from embedtune.errors import IntegrityError
from embedtune.evaluation.query_sets import find_query_sets, hash_query_sets
from embedtune.evaluation.runner import Model, added_model, check_names, model_of_other_run, models_of_run
from embedtune.models.encoder import choose_precision
from embedtune.models.locate import hash_model
from embedtune.pipeline import preflight
from embedtune.project.layout import BEFORE, DATASET, EVAL, MODEL
from embedtune.project.manifest import QuerySource, library_versions
from embedtune.project.trained_run import TrainedRun, check_comparable, differ_in_seed_only, read_run, read_trained_run
from embedtune.retrieval.fusion import DEFAULT_WEIGHT
from embedtune.text.hashing import hash_files
from embedtune.types import QuerySet

_log = logging.getLogger("embedtune")


class Inputs(NamedTuple):
    """The inputs of an evaluation.

    Attributes:
        run: The run.
        others: Further runs over the same corpus.
        dataset: Its dataset.
        query_sets: As they were judged.
        base_folder: Folder of the base model.
        added: Name → folder of models from outside the runs.
    """

    run: TrainedRun
    others: list[TrainedRun]
    dataset: Dataset
    query_sets: list[QuerySet]
    base_folder: Path
    added: Mapping[str, Path]

    @classmethod
    def read(cls, config: EvaluateConfig, folder: Path, others: Sequence[Path]) -> Self:
        """Read and verify everything; raises ``EmbedtuneError`` as ``evaluate`` does."""
        trust = config.trust_remote_code
        run = read_run(folder, DEFAULT_WEIGHT, trust_remote_code=trust)
        further = [read_trained_run(each, trust_remote_code=trust) for each in others]
        for each in (run, *further):
            _check_model(each, own_queries=bool(config.queries))
        for other in further:
            check_comparable(run, other, own_queries=bool(config.queries))
        dataset = read_dataset(folder / DATASET)
        query_sets = find_query_sets(config.queries, dataset)
        base_folder = preflight.find_base(run.settings.model, folder / EVAL, download=False)
        before = folder / MODEL / BEFORE
        added = {BEFORE: before} if before.is_dir() else {}
        added |= {name: preflight.find_base(name, folder / EVAL) for name in config.models}
        return cls(run, further, dataset, query_sets, base_folder, added)

    @property
    def n_queries(self) -> int:
        """Number of queries in all sets."""
        return sum(len(queries.queries) for queries in self.query_sets)

    def identity(self, config: EvaluateConfig) -> dict[str, object]:
        """Return what determines the result."""
        run = self.run
        return {
            "stage": "eval",
            "config": config.model_dump(mode="json", exclude={"queries", "models", "forgetting"}),
            "queries": hash_query_sets(self.query_sets),
            "forgetting": {name: _hash_set(Path(name)) for name in config.forgetting},
            "dataset": run.dataset.outputs,
            "model": run.model.outputs,
            "recorded": [run.dataset.identity_hash, run.model.identity_hash],  # the report shows their settings
            "base": hash_model(self.base_folder),
            "others": {other.name: other.model.outputs for other in self.others},
            "models": {name: hash_model(folder) for name, folder in self.added.items()},
            "versions": library_versions(),
        }

    def sources(self, config: EvaluateConfig) -> list[QuerySource]:
        """Return where each query set was read from, so that it can be found again."""
        paths: list[str | None] = [
            str(Path(name).absolute()) if Path(name).exists() else name  # the name of a packaged one
            for name in config.queries
        ]
        sets = zip(self.query_sets, paths or [None], strict=True)
        return [QuerySource(name=queries.name, path=path) for queries, path in sets]

    def models(self, config: EvaluateConfig) -> list[Model]:
        """Return the models to compare; raises ``ConfigError`` if two have one name."""
        precision = choose_precision(config.precision)
        models = [
            *models_of_run(self.run, self.base_folder, precision),
            *(model_of_other_run(other, precision) for other in self.others),
            *(added_model(name, folder, precision) for name, folder in self.added.items()),
        ]
        check_names(models)
        return models

    def seeds(self) -> list[str]:
        """Return the systems of several seeds of one recipe; a seed whose training shipped the base counts as the base."""
        if not differ_in_seed_only([self.run, *self.others]):
            return []
        return [self.run.record.shipped, *(f"tuned:{other.name}" for other in self.others)]


def _check_model(run: TrainedRun, *, own_queries: bool) -> None:
    """Refuse to measure a model on queries that it may have been trained on; the user's own queries are theirs to judge."""
    if not run.stale:
        return
    if not own_queries:
        raise IntegrityError(
            f"{run.folder / MODEL}: expected a model that was trained on this dataset, found a stale one: {run.stale}",
            hint="or measure it on queries of your own, with --queries",
        )
    _log.warning("%s: the model is stale: %s", run.folder, run.stale)


def _hash_set(folder: Path) -> dict[str, str]:
    names = ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv")
    return hash_files(folder, [folder / name for name in names if (folder / name).is_file()])
