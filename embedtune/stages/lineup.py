"""Which models an evaluation compares, and how each is loaded: with its own prompts, all with the same precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from embedtune.config import GenerateConfig
from embedtune.retrieval.encoder import Encoder, load_model
from embedtune.training.merging import merge
from embedtune.training.quantisation import load_quantised


class Model(NamedTuple):
    """A model that stands in the table.

    Attributes:
        name: Of its dense run.
        load: Loads it.
        weight: Of its dense side in fusion with BM25, chosen on dev; None leaves the fusions out.
        tokenizer: Models with the same one share their windows.
    """

    name: str
    load: Callable[[], Encoder]
    weight: float | None
    tokenizer: str


def models_of_run(
    model_folder: Path, base_folder: Path, settings: GenerateConfig, trained: Mapping[str, Any], precision: str
) -> list[Model]:
    """Return the base of a run, and the quantised base and the tuned model where training shipped one."""
    weights, tokenizer = trained["fusion_weights"], str(base_folder)
    models = [Model("base", partial(_load, base_folder, settings, precision), weights["base"], tokenizer)]
    if trained["shipped"] == "tuned":
        if trained["quantize"] != "none":
            rounded = partial(_load_quantised, base_folder, settings, precision, trained["quantize"])
            models.append(Model("base_quantized", rounded, None, tokenizer))
        merged = partial(_load, model_folder / "merged", settings, precision)
        models.append(Model("tuned", merged, weights["tuned"], tokenizer))
    return models


def _load(folder: Path, settings: GenerateConfig, precision: str) -> Encoder:
    model = load_model(
        folder,
        query_prompt=settings.query_prompt,
        document_prompt=settings.document_prompt,
        trust_remote_code=settings.trust_remote_code,
    )
    return Encoder(model, precision=precision)


def _load_quantised(folder: Path, settings: GenerateConfig, precision: str, scheme: str) -> Encoder:
    """Return the base with its weights rounded and written back: the start of the training, α = 0."""
    quantised = load_quantised(folder, scheme, trust_remote_code=settings.trust_remote_code)
    encoder = _load(folder, settings, precision)
    merge(quantised, encoder.model)
    return encoder
