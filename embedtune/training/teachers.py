"""What a query should find: a teacher's scores of all passages, as a distribution."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Matrix = NDArray[np.float32]
Scores = Callable[[Sequence[int]], Matrix]
"""Numbers of queries → scores of all passages, ``(n, n_passages)``, each row of mean 0 and some spread of its own."""


class SoftTeacher:
    """softmax((score + bonus · known) / temperature): a scorer's order, with the passages known to be right lifted.

    The known ones are those that a query was drawn from, and those that say the same. Without a scorer they share the whole
    distribution (InfoNCE over the corpus).
    """

    def __init__(
        self,
        relevant: Sequence[Sequence[int]],
        n_passages: int,
        scores: Scores | None,
        *,
        bonus: float,
        temperature: float,
    ) -> None:
        """Take what is known.

        Args:
            relevant: Passages known to be right, for each query.
            n_passages: Of the corpus.
            scores: The scorer; None for no teacher.
            bonus: Added to the score of a known passage, in standard deviations.
            temperature: Above 0; the smaller, the more the best passages get of the distribution.
        """
        self._relevant = relevant
        self._n_passages = n_passages
        self._scores = scores
        self._bonus = bonus
        self._temperature = temperature

    def __call__(self, rows: Sequence[int]) -> Tensor:
        """Return what some queries should find, ``(n, n_passages)``."""
        known = torch.zeros(len(rows), self._n_passages)
        for line, row in enumerate(rows):
            known[line, list(self._relevant[row])] = 1
        if self._scores is None:
            return known / known.sum(dim=1, keepdim=True)
        scores = torch.from_numpy(self._scores(rows))
        return ((scores + self._bonus * known) / self._temperature).softmax(dim=1)
