"""What modules have in common that add something of this package to the vectors of a dense model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import InputModule

from embedtune.models.opening import open_model

_DENSE = "dense"


class OverDense(InputModule):  # type: ignore[misc]
    """Wraps a dense model, which is saved as a subfolder that loads by itself.

    Attributes:
        dense: The dense model.
    """

    save_in_root = True

    def __init__(self, dense: SentenceTransformer) -> None:
        super().__init__()
        self.dense = dense

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of the dense model."""
        return self.dense.tokenizer

    @property
    def max_seq_length(self) -> int | None:
        """The window of the dense model in tokens; what is added covers the whole text."""
        longest: int | None = self.dense.max_seq_length
        return longest

    @max_seq_length.setter
    def max_seq_length(self, value: int) -> None:
        self.dense.max_seq_length = value

    def get_embedding_dimension(self) -> int:
        """Return the dimensions of the dense vector."""
        return int(self.dense.get_embedding_dimension() or 0)

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **kwargs: Any) -> None:
        """Write the dense model into its subfolder."""
        folder = str(Path(output_path, _DENSE))
        self.dense.save_pretrained(folder, create_model_card=False, safe_serialization=safe_serialization)


def load_dense(folder: Path, options: Mapping[str, Any]) -> SentenceTransformer:
    """Load the dense model of a module that was saved in a folder, with the options of loading that module."""
    trusted = bool(options.get("trust_remote_code"))
    return open_model(folder / _DENSE, trust_remote_code=trusted, model_kwargs=options.get("model_kwargs"))
