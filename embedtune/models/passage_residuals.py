"""A sentence-transformers module that adds a learned residual to the vectors of some passages, those with labels.

A passage is recognised by its text: a 64-bit fingerprint of it, white space aside, names its row in the table. Queries and all
other texts get the vectors of the dense model, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from torch import Tensor

from embedtune.models.over_dense import OverDense, load_dense
from embedtune.text.hashing import fingerprint

_TABLE = "passage_residuals.safetensors"


class PassageResiduals(OverDense):
    """Adds residuals to the vectors of known passages.

    Attributes:
        residuals: One row for each passage, ``(n_rows, dim)``, in units of a vector's length.
        row_of: Fingerprint of a text → its row.
    """

    residuals: Tensor

    def __init__(self, dense: SentenceTransformer, residuals: Tensor, row_of: Mapping[int, int]) -> None:
        super().__init__(dense)
        if residuals.shape[1] != dense.get_embedding_dimension():
            raise ValueError(
                f"residuals of {residuals.shape[1]} dimensions for vectors of {dense.get_embedding_dimension()}"
            )
        self.row_of = dict(row_of)
        self.register_buffer("residuals", residuals.float().contiguous())

    def preprocess(
        self, inputs: Sequence[str], prompt: str | None = None, task: str | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """Tokenize, and look up the texts without prompt; all texts that are not queries count as passages."""
        features: dict[str, Any] = self.dense.preprocess(list(inputs), prompt=prompt, task=task, **kwargs)
        none = torch.full((len(inputs),), -1)
        features["residual_rows"] = none if task == "query" else find_rows(self.row_of, inputs)
        return features

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Add the residuals to the dense vectors."""
        rows: Tensor = features.pop("residual_rows")
        features = self.dense(features, **kwargs)
        vectors = features["sentence_embedding"]
        features["sentence_embedding"] = add_residuals(vectors, self.residuals, rows.to(vectors.device))
        return features

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **kwargs: Any) -> None:
        """Write the dense model into a subfolder, and the table."""
        super().save(output_path, safe_serialization=safe_serialization)
        fingerprints = np.array(list(self.row_of), dtype=np.uint64)
        table = {
            "residuals": self.residuals.cpu(),
            "fingerprints": torch.from_numpy(fingerprints.view(np.int64)),
            "rows": torch.tensor(list(self.row_of.values()), dtype=torch.int64),
        }
        save_file(table, Path(output_path, _TABLE))

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", **kwargs: Any) -> PassageResiduals:
        """Load from a local folder."""
        folder = Path(model_name_or_path, subfolder)
        table = load_file(folder / _TABLE)
        fingerprints = table["fingerprints"].numpy().view(np.uint64)
        row_of = dict(zip(fingerprints.tolist(), table["rows"].tolist(), strict=True))
        return cls(load_dense(folder, kwargs), table["residuals"], row_of)


def number_passages(passages: Iterable[Iterable[str]]) -> dict[int, int]:
    """Return fingerprint → row, one row for each passage; a text that two passages share is the first one's."""
    row_of: dict[int, int] = {}
    for row, texts in enumerate(passages):
        for text in texts:
            row_of.setdefault(_fingerprint(text), row)
    return row_of


def find_rows(row_of: Mapping[int, int], texts: Iterable[str]) -> Tensor:
    """Return the row of each text, −1 for unknown ones, ``(n,)``."""
    return torch.tensor([row_of.get(_fingerprint(text), -1) for text in texts], dtype=torch.int64)


def add_residuals(vectors: Tensor, residuals: Tensor, rows: Tensor) -> Tensor:
    """Return ``(n, dim)`` vectors, those with a row moved by its residual; each keeps its length.

    Args:
        vectors: Not changed, ``(n, dim)``.
        residuals: Of all rows, ``(n_rows, dim)``, in units of a vector's length.
        rows: Of each vector, −1 for none, ``(n,)``.
    """
    known = (rows >= 0).nonzero().squeeze(1)
    found = vectors[known].float()
    length = found.norm(dim=-1, keepdim=True)
    moved = torch.nn.functional.normalize(found / length.clamp_min(1e-12) + residuals[rows[known]], dim=-1) * length
    return vectors.index_copy(0, known, moved.to(vectors.dtype))


def _fingerprint(text: str) -> int:
    return fingerprint(" ".join(text.split()))
