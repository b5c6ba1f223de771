"""Which models an evaluation compares, and how each is loaded: with its own prompts, all with the same precision."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from embedtune.config.settings import GenerateConfig
from embedtune.errors import ConfigError
from embedtune.models.encoder import Encoder, load_encoder
from embedtune.models.weights import load_rounded
from embedtune.project.layout import doubles
from embedtune.project.trained_run import TrainedRun
from embedtune.systems import System, fused_kinds

_ITS_OWN = GenerateConfig(source="")
"""Settings that leave a model as it was saved."""


class Model(NamedTuple):
    """A model of the table.

    Attributes:
        weight: Weight of the dense side in fusion with BM25, chosen on dev; None for a model that is not fused.
        family: Models of one family have one tokenizer and one document prompt, and share their windows.
        documents: The model whose passages it searches: itself or, where tuning left the vectors of passages as they were,
            the base.
        has_sketch: Whether a BM25 sketch is appended to those vectors.
        token_vectors: The model that gives the token vectors before pooling; empty for the model itself.
    """

    name: str
    load: Callable[[], Encoder]
    weight: float | None
    family: tuple[str, str | None]
    documents: str
    has_sketch: bool = False
    token_vectors: str = ""

    @property
    def tokens(self) -> str:
        """The model whose token vectors these are."""
        return self.token_vectors or self.name


def models_of_run(run: TrainedRun, base_folder: Path, precision: str) -> list[Model]:
    """Return the base of a run, and the quantised base and the tuned model where training shipped one."""
    record, settings = run.record, run.settings
    weights, family = record.fusion_weights, (str(base_folder), settings.document_prompt)
    models = [Model("base", partial(load_encoder, base_folder, settings, precision), weights["base"], family, "base")]
    if record.is_tuned:
        if record.quantize != "none":
            rounded = partial(load_rounded, base_folder, settings, precision, record.quantize)
            models.append(
                Model(
                    "base_quantized", rounded, None, family, "base" if record.passages == "base" else "base_quantized"
                )
            )
        tuned = partial(load_encoder, run.merged, settings, precision)
        models.append(
            Model("tuned", tuned, weights["tuned"], family, record.passages, record.sketch, record.token_vectors)
        )
    return models


def model_of_other_run(run: TrainedRun, precision: str) -> Model:
    """Return what a further run shipped, as ``tuned:NAME``, dense only, even if that is its base."""
    family = (str(run.merged), run.settings.document_prompt)
    name = f"tuned:{run.name}"
    return Model(name, partial(load_encoder, run.merged, run.settings, precision), None, family, name)


def added_model(name: str, folder: Path, precision: str) -> Model:
    """Return a model that belongs to no run, dense only, with its own prompts, named by its folder or as on the hub."""
    shown = Path(name).resolve().name if Path(name).is_dir() else name
    return Model(shown, partial(load_encoder, folder, _ITS_OWN, precision), None, (str(folder), None), shown)


def check_names(models: Sequence[Model]) -> None:
    """Refuse two rows of one name.

    Raises:
        ConfigError: With every name that is not its model's alone.
    """
    fused = [System(kind.name, model.name) for model in models if model.weight for kind in fused_kinds()]
    made = map(str, [System("bm25"), *fused])
    if double := doubles([*made, *(model.name for model in models)]):
        raise ConfigError(
            f"models: expected a name of its own for each, found {', '.join(map(repr, double))} more than once",
            hint="models are named by their folders; rename one, or link to it under another name",
        )
