"""Queries that belong together, and the standard error that knows it.

Queries of one document (or of one section, where documents are few) share their vocabulary and their difficulty: a change of
the model helps or hurts them together. Counted as independent they look like more evidence than they are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

SPARSE = 5
"""With fewer changed clusters than this a variance says little, and ``guarded_errors`` adds to it."""

_NOISE = 1e-12  # sums of scores in [-1, 1] that should cancel leave less than this for each query


class Clustered(NamedTuple):
    """Paired differences, summed by cluster.

    Attributes:
        sums: Sum of the differences of each cluster, ``(n_rows, n_clusters)``; a row is one comparison on one measure.
        sizes: Queries of each cluster, ``(n_clusters,)``.
    """

    sums: Floats
    sizes: Floats

    @property
    def n_queries(self) -> int:
        """All queries."""
        return int(self.sizes.sum())

    @property
    def means(self) -> Floats:
        """Mean difference of a query, ``(n_rows,)``."""
        means: Floats = self.sums.sum(axis=1) / self.n_queries
        return means


def sum_by_cluster(differences: ArrayLike, clusters: ArrayLike | None = None) -> Clustered:
    """Sum paired differences by cluster; what is only rounding error becomes 0.

    Args:
        differences: ``(n_queries,)`` or ``(n_rows, n_queries)``, each in [-1, 1].
        clusters: The cluster of each query, ``(n_queries,)``: any labels. None: each query is its own.

    Raises:
        ValueError: If there is no query, or the number of labels is not that of queries.
    """
    rows = np.atleast_2d(np.asarray(differences, dtype=np.float64))
    n_queries = rows.shape[1]
    labels = np.arange(n_queries) if clusters is None else np.asarray(clusters)
    if not n_queries or labels.shape != (n_queries,):
        raise ValueError(f"expected at least one query and a cluster for each, got {rows.shape} and {labels.shape}")
    _, number = np.unique(labels, return_inverse=True)
    sizes = np.bincount(number).astype(np.float64)
    sums = np.array([np.bincount(number, weights=row, minlength=len(sizes)) for row in rows]).reshape(-1, len(sizes))
    sums[np.abs(sums) < _NOISE * sizes] = 0.0
    return Clustered(sums, sizes)


def standard_errors(data: Clustered) -> Floats:
    """Return the cluster-robust standard error of each mean difference, ``(n_rows,)``; 0 for fewer than two clusters.

    The mean is a ratio of cluster sums to cluster sizes, linearised (Cochran 1977, ch. 6; CR1 in Cameron & Miller 2015); with
    one query a cluster it is the usual standard error of a mean.
    """
    n_clusters = len(data.sizes)
    if n_clusters < 2:
        return np.zeros(len(data.sums))
    residuals = data.sums - data.means[:, None] * data.sizes
    errors: Floats = np.sqrt((residuals**2).sum(axis=1) * n_clusters / (n_clusters - 1)) / data.n_queries
    return errors


def guarded_errors(data: Clustered) -> Floats:
    """Return standard errors that are not fooled by silence, ``(n_rows,)``.

    Where fewer than ``SPARSE`` clusters changed, the variance of two more queries is added, one that won outright and one that
    lost (the pseudo-observations of Agresti & Min 2005 and Bonett & Price 2012). n queries without any difference then
    give an error of √2 / n and a 95 % interval of about ± 2.8 / n, near the rule of three (Hanley & Lippman-Hand 1983), instead
    of [0, 0].
    """
    few = (data.sums != 0).sum(axis=1) < SPARSE
    guarded: Floats = np.sqrt(standard_errors(data) ** 2 + few * 2 / data.n_queries**2)
    return guarded
