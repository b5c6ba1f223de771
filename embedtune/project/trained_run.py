"""A run folder with a dataset and a model, as evaluation and serving read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from embedtune.config.settings import EvaluateConfig, GenerateConfig
from embedtune.config.training import TrainConfig
from embedtune.errors import DataError
from embedtune.project.layout import DATASET, EVAL, MODEL
from embedtune.project.manifest import MANIFEST, Manifest, read_manifest, verify
from embedtune.project.records import DatasetRecord, ModelRecord, Record
from embedtune.text.hashing import hash_json

_CORPUS = "corpus.jsonl"
S = TypeVar("S", bound=BaseModel)


class TrainedRun(NamedTuple):
    """A run folder whose dataset, and mostly its model too, is finished.

    Attributes:
        settings: Of the dataset; base model, prompts and windows are those that the model was trained with, which differ where
            the dataset was made anew since.
    """

    folder: Path
    dataset: Manifest[DatasetRecord]
    model: Manifest[ModelRecord]
    settings: GenerateConfig

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.resolve().name

    @property
    def stale(self) -> str:
        """Why the model does not belong to the dataset; empty where it does. See ``why_stale``."""
        return why_stale(self.folder, self.model, self.dataset) if self.is_trained else ""

    @property
    def is_trained(self) -> bool:
        """Whether there is a model folder; else the model is the base."""
        return bool(self.model.outputs)

    @property
    def merged(self) -> Path:
        """Folder of the shipped model."""
        return self.folder / MODEL / "merged"

    @property
    def model_hash(self) -> str:
        """Hash of the files of the shipped model, under which its passage vectors are kept."""
        return self.model.outputs_hash

    def search_name(self, model: str, precision: str) -> str:
        """Return the name under which a model's (hash's) vectors of an evaluation's queries are kept, by precision."""
        return hash_json([model, precision, self.dataset.outputs, self.dataset.identity.config, *self._own])

    @property
    def _own(self) -> list[dict[str, object]]:
        """What the model was trained with, where that is not what the dataset was made with."""
        return [_own_settings(self.model.record)] if self.stale else []

    @property
    def record(self) -> ModelRecord:
        """What training shipped."""
        return self.model.record

    @property
    def evaluation_settings(self) -> EvaluateConfig:
        """Settings of the run's evaluation; the defaults without one."""
        if not (self.folder / EVAL / MANIFEST).is_file():
            return EvaluateConfig()
        return recorded_settings(EvaluateConfig, read_manifest(self.folder / EVAL, Record).identity.config)

    @property
    def seeds(self) -> tuple[int, int]:
        """Seeds of dataset and training."""
        return self.settings.seed, recorded_settings(TrainConfig, self.model.identity.config).seed


def dataset_settings(
    dataset: Manifest[DatasetRecord], model: ModelRecord | None = None, *, trust_remote_code: bool = False
) -> GenerateConfig:
    """Return the settings that a dataset was generated with, without its source; base, prompts and windows are a model's own.

    Whether code of a model may run is for the caller to say: the run folder may be somebody else's.
    """
    own = _own_settings(model) if model else {}
    trust = {"trust_remote_code": trust_remote_code}
    return recorded_settings(GenerateConfig, {"source": "", **dataset.identity.config, **own, **trust})


def recorded_settings(kind: type[S], values: Mapping[str, object]) -> S:
    """Return the settings of a manifest; raises ``DataError`` if they are none, as those of a later version may be."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        wrong = error.errors()[0]
        place, stage = ".".join(map(str, wrong["loc"])), kind.__name__.removesuffix("Config").lower()
        raise DataError(
            f"manifest: expected settings of {stage}, found {place}: {wrong['msg']}",
            hint=f"run {stage} again, with --force",
        ) from error


def _own_settings(record: ModelRecord) -> dict[str, object]:
    """Return the settings that a model keeps; empty where an earlier version wrote none."""
    return {"model": record.base_model, **record.trained_with.model_dump()} if record.trained_with else {}


def why_stale(run: Path, model: Manifest[Any], dataset: Manifest[Any]) -> str:
    """Say that a model was trained on another dataset than the one that is there now; empty where it was not.

    Its test queries may then be among those that the model was trained on.
    """
    if model.identity.dataset == dataset.outputs:
        return ""
    return f"the dataset was made anew after the model was trained; run `embedtune train {run}`"


def read_trained_run(folder: Path, *, trust_remote_code: bool = False) -> TrainedRun:
    """Read and verify a run; ``trust_remote_code`` allows code of its models to run.

    Raises:
        DataError: If a stage is missing.
        IntegrityError: If dataset or model were changed since they were written.
    """
    dataset, model = verify(folder / DATASET, DatasetRecord), verify(folder / MODEL, ModelRecord)
    settings = dataset_settings(dataset, model.record, trust_remote_code=trust_remote_code)
    return TrainedRun(folder, dataset, model, settings)


def read_run(folder: Path, fusion_weight: float, *, trust_remote_code: bool = False) -> TrainedRun:
    """Read and verify a run; where nothing has been trained yet, its model is the base, fused with BM25 by this weight.

    Raises:
        DataError: If there is no dataset.
        IntegrityError: If dataset or model were changed since they were written.
    """
    if (folder / MODEL / MANIFEST).exists():
        return read_trained_run(folder, trust_remote_code=trust_remote_code)
    dataset = verify(folder / DATASET, DatasetRecord)
    side = {"shipped": "base", "passages": "base", "token_vectors": "base"}
    untrained = ModelRecord.model_validate(
        {**side, "method": "", "strength": 0, "fusion_weights": {"base": fusion_weight}}
    )
    settings = dataset_settings(dataset, trust_remote_code=trust_remote_code)
    return TrainedRun(folder, dataset, Manifest[ModelRecord](record=untrained), settings)


def check_comparable(run: TrainedRun, other: TrainedRun, *, own_queries: bool) -> None:
    """Refuse a run that cannot be compared with the one whose corpus is searched.

    Unless the user brings queries of their own, the queries are the first run's test split, which a run with other splits may
    have been trained on.

    Raises ``DataError`` if the corpora differ, or the splits, where they matter.
    """
    mine, theirs = run.dataset.outputs, other.dataset.outputs
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
    """Return whether several runs are one recipe with different seeds."""
    if len(runs) < 2:
        return False
    recipes = [[{**manifest.identity.config, "seed": None} for manifest in (run.dataset, run.model)] for run in runs]
    same_base = len({str(run.model.identity.model) for run in runs}) == 1
    all_differ = len({run.seeds for run in runs}) == len(runs)
    return same_base and all_differ and all(recipe == recipes[0] for recipe in recipes)
