"""Principal directions: queries projected onto what the corpus varies in, without any training."""

from __future__ import annotations

import numpy as np

from embedtune.types import Matrix


def principal_map(vectors: Matrix, n_directions: int) -> Matrix:
    """Return the projection onto the first principal directions of passage vectors ``(n, dim)``, ``(dim, dim)``.

    In directions in which the corpus does not vary a query holds noise alone. Not centred, because cosines are not.
    """
    directions = np.linalg.eigh(vectors.T @ vectors).eigenvectors[:, -n_directions:]
    projection: Matrix = (directions @ directions.T).astype(np.float32)
    return projection


def project(queries: Matrix, projection: Matrix) -> Matrix:
    """Return projected queries ``(n, dim)`` of unit length."""
    moved = queries @ projection.T
    unit: Matrix = moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)
    return unit
