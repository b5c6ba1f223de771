"""A map of query vectors that ``pipeline.query_adapter`` fitted, as an application applies it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from embedtune.errors import DataError
from embedtune.project.manifest import verify
from embedtune.project.records import Record
from embedtune.regular import read_json
from embedtune.types import Vectors as Vector


class QueryAdapter:
    """Applies a fitted map to the vectors of queries, and leaves those of documents alone.

    Attributes:
        embedding: Name of the embedder that it was fitted to.
        dimension: Of its vectors.
        matrix: ``(dim, dim)``; None where no map gained more than noise, and queries stay as they are.
    """

    def __init__(self, folder: Path | str) -> None:
        """Read ``RUN/query_adapter``, after verifying every byte against its manifest.

        Raises:
            DataError: If it is not there.
            IntegrityError: If it was changed since it was written.
        """
        from safetensors.numpy import load_file

        folder = Path(folder)
        verify(folder, Record)
        config = read_json(folder / "config.json")
        self.embedding: str = config["embedding"]
        self.dimension: int = config["dimension"]
        self.matrix: Vector | None = None
        if config["shipped"] == "tuned":
            self.matrix = load_file(folder / "map.safetensors")["map"]

    def apply(self, vector: Sequence[float]) -> Vector:
        """Return the vector ``(dim,)`` of a query, mapped and of unit length.

        Raises:
            DataError: If it has another dimension than those that the map was fitted to.
        """
        query = np.asarray(vector, dtype=np.float32)
        if query.shape != (self.dimension,):
            raise DataError(
                f"query adapter: expected vectors of {self.embedding} with {self.dimension} dimensions, found {query.shape}"
            )
        mapped = query if self.matrix is None else self.matrix @ query
        unit: Vector = mapped / np.linalg.norm(mapped)
        return unit
