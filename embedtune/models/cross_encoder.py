"""Cross-encoders: models that read a query and a passage together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from embedtune.errors import ConfigError
from embedtune.quiet import quiet_libraries

_PAIRS = 32  # at once


def load_cross_encoder(name: str, setting: str) -> Callable[[list[tuple[str, str]]], Any]:
    """Load a cross-encoder by hub name or folder, named by a setting; return pairs (query, passage) → scores ``(n,)``.

    Raises:
        ConfigError: If there is none.
    """
    from sentence_transformers import CrossEncoder

    try:
        with quiet_libraries():
            model = CrossEncoder(name, model_kwargs={"use_safetensors": True})
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ConfigError(
            f"{setting}: expected a cross-encoder that sentence-transformers can load, found none in {name!r}: "
            f"{str(error).strip().partition(chr(10))[0]}",
            hint="a folder, or a hub name such as cross-encoder/ms-marco-MiniLM-L6-v2",
        ) from error
    return lambda pairs: model.predict(pairs, batch_size=_PAIRS, show_progress_bar=False)
