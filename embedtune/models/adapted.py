"""A sentence-transformers module of a frozen model with an adapter that cannot be merged into its weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from embedtune.errors import ConfigError
from embedtune.models import bottleneck
from embedtune.models.over_dense import OverDense, load_dense
from embedtune.models.trained_prompts import attach_gated, attach_prefix
from embedtune.regular import read_json

_SETTINGS, _WEIGHTS = "adapted.json", "adapted.safetensors"


class Adapted(OverDense):
    """Computes what a dense model does with an adapter inside.

    Attributes:
        settings: ``method``, and the sizes that ``attach`` needs.
        adapter: The adapter's own weights.
    """

    def __init__(self, dense: SentenceTransformer, settings: Mapping[str, Any]) -> None:
        super().__init__(dense)
        self.settings = dict(settings)
        self.adapter = attach(dense, self.settings)

    def preprocess(
        self, inputs: Sequence[str], prompt: str | None = None, task: str | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Tokenize as the dense model does."""
        features: dict[str, Any] = self.dense.preprocess(list(inputs), prompt=prompt, task=task, **kwargs)
        return features

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Encode; the adapter works inside."""
        encoded: dict[str, Any] = self.dense(features, **kwargs)
        return encoded

    def weights(self) -> dict[str, Tensor]:
        """Return copies of the adapter's weights."""
        return {name: value.detach().clone().contiguous() for name, value in self.adapter.state_dict().items()}

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **kwargs: Any) -> None:
        """Write the dense model into a subfolder, and the adapter beside it."""
        with unwrapped(self.dense):
            super().save(output_path, safe_serialization=safe_serialization)
        save_file({name: value.cpu() for name, value in self.weights().items()}, Path(output_path, _WEIGHTS))
        Path(output_path, _SETTINGS).write_text(json.dumps(self.settings), encoding="utf-8")

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", **kwargs: Any) -> Adapted:
        """Load from a local folder."""
        folder = Path(model_name_or_path, subfolder)
        adapted = cls(load_dense(folder, kwargs), read_json(folder / _SETTINGS))
        adapted.adapter.load_state_dict(load_file(folder / _WEIGHTS))
        return adapted


def attach(dense: SentenceTransformer, settings: Mapping[str, Any]) -> nn.Module:
    """Put an untrained adapter into a model, and return the module of its weights.

    Raises ``ConfigError`` if the model cannot have one.
    """
    if getattr(dense[0], "model", None) is None:
        raise ConfigError(f"base model: expected a transformer, found {type(dense[0]).__name__}")
    method = settings["method"]
    if method == "bottleneck":
        return bottleneck.attach(dense[0].model, width=settings["width"], layers=settings["layers"])
    attach_tokens = {"prefix": attach_prefix, "adaption-prompt": attach_gated}[method]
    return attach_tokens(dense[0], tokens=settings["tokens"])


@contextmanager
def unwrapped(dense: SentenceTransformer) -> Iterator[None]:
    """Take what peft put around and into a transformer off within the context."""
    from peft import PeftModel

    wrapped = dense[0].model
    if not isinstance(wrapped, PeftModel):
        yield
        return
    inside = wrapped.disable_adapter() if wrapped.active_peft_config.is_adaption_prompt else nullcontext()
    with inside:
        dense[0].model = wrapped.get_base_model()
        try:
            yield
        finally:
            dense[0].model = wrapped
