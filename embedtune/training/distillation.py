"""The loss that tunes queries alone: a teacher's order of the whole corpus, learnt by the query vectors.

What a query should find: a teacher's scores of all passages, as a distribution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor
from torch.nn import functional

from embedtune.training.losses import CachedLoss, Features
from embedtune.types import Matrix

Scores = Callable[[Sequence[int]], Matrix]
"""Numbers of queries → scores of all passages, ``(n, n_passages)``, each row of mean 0 and some spread of its own."""


class SoftTeacher:
    """softmax((score + boost · known) / temperature): a scorer's order, with the passages known to be right lifted.

    The known ones are those that a query was drawn from, and those that say the same. Without a scorer they share the whole
    distribution (InfoNCE over the corpus).
    """

    def __init__(
        self,
        relevant: Sequence[Sequence[int]],
        n_passages: int,
        scores: Scores | None,
        *,
        positive_boost: float,
        temperature: float,
    ) -> None:
        """Take what is known.

        Args:
            relevant: Passages known to be right, for each query.
            n_passages: Of the corpus.
            scores: The scorer; None for no teacher.
            positive_boost: Added to the score of a known passage, in standard deviations.
            temperature: Above 0; the smaller, the more the best passages get of the distribution.
        """
        self._relevant = relevant
        self._n_passages = n_passages
        self._scores = scores
        self._positive_boost = positive_boost
        self._temperature = temperature

    def __call__(self, rows: Sequence[int]) -> Tensor:
        """Return what some queries should find, ``(n, n_passages)``."""
        known = torch.zeros(len(rows), self._n_passages)
        for line, row in enumerate(rows):
            known[line, list(self._relevant[row])] = 1
        if self._scores is None:
            return known / known.sum(dim=1, keepdim=True)
        scores = torch.from_numpy(self._scores(rows))
        return ((scores + self._positive_boost * known) / self._temperature).softmax(dim=1)


Teacher = Callable[[Sequence[int]], Tensor]
"""Numbers of queries → what to aim at, ``(n, n_passages)``; each row is a distribution."""


class FrozenPassages:
    """Vectors of the whole corpus, which no step changes; a passage scores as its best window."""

    def __init__(self, vectors: Tensor, starts: Sequence[int]) -> None:
        """Take unit vectors ``(n_windows, dim)`` and each passage's first window, rising from 0."""
        self._vectors = vectors
        self._n_passages = len(starts)
        sizes = torch.tensor([*starts[1:], len(vectors)]) - torch.tensor(list(starts))
        self._passage = torch.repeat_interleave(torch.arange(len(starts)), sizes)

    def cosines(self, queries: Tensor) -> Tensor:
        """Return the cosines of queries ``(n, dim)`` and passages, ``(n, n_passages)``."""
        vectors = self._vectors.to(queries.device)
        scores = queries @ vectors.T
        if self._n_passages == len(vectors):
            return scores
        # The gradient goes to the best window alone, so only that is looked up again with a gradient.
        with torch.no_grad():
            best = self._best_windows(scores)
        return scores.gather(1, best)

    def window_cosines(self, direction: Tensor) -> Tensor:
        """Return the inner products of one vector ``(dim,)`` and all windows, ``(n_windows,)``."""
        return self._vectors.to(direction.device) @ direction

    def _best_windows(self, scores: Tensor) -> Tensor:
        passage = self._passage.to(scores.device).expand(len(scores), -1)
        highest = torch.full((len(scores), self._n_passages), -torch.inf, dtype=scores.dtype, device=scores.device)
        highest.scatter_reduce_(1, passage, scores, "amax")
        window = torch.arange(scores.shape[1], device=scores.device).expand(len(scores), -1)
        is_best = scores == highest.gather(1, passage)
        best = torch.zeros_like(highest, dtype=torch.long)
        return best.scatter_reduce_(1, passage, torch.where(is_best, window, -1), "amax", include_self=False)


def distillation_loss(cosines: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """Return the mean KL divergence of softmax(cosine / temperature) from the teacher's distribution, ``(n, n_passages)``."""
    return functional.kl_div((cosines / temperature).log_softmax(dim=1), targets, reduction="batchmean")


def popularity_shift(queries: Tensor, base: Tensor, passages: FrozenPassages, temperature: float) -> Tensor:
    """Return how far passages became more or less popular with the queries of a batch as a whole.

    The mean square of each passage's change of mean cosine, in units of the temperature. Queries that are drawn from a corpus
    come from some of its passages more than people's do; learning that paragraphs are asked for and tables are not would
    move every query away from tables, whatever it asks.

    Args:
        queries: Unit vectors of a batch, ``(n, dim)``.
        base: Those of the untouched model.
        passages: Of the corpus.
        temperature: Of the student's softmax.
    """
    change = passages.window_cosines(queries.mean(dim=0) - base.mean(dim=0))
    return (change / temperature).square().mean()


class CorpusDistillationLoss(CachedLoss):
    """KL divergence between a teacher's distribution over all passages and the query's own.

    Passage vectors are frozen, so every step scores the whole corpus for the price of encoding short queries, and the index
    stays as it is. Sources: Hinton et al. 2015 (distillation); Hofstätter et al. 2020 (listwise, for retrieval).

    The dataset has one column of queries and ``label``: the number of each row where a teacher is given, else the
    distribution itself, as many numbers as there are passages.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        passages: FrozenPassages,
        teacher: Teacher | None = None,
        *,
        base_queries: Tensor | None = None,
        temperature: float = 0.05,
        hubness_weight: float = 0.0,
        mini_batch_size: int | None = None,
    ) -> None:
        """Take the query encoder to train.

        Args:
            model: To train.
            passages: Of the whole corpus, by the base model.
            teacher: The distribution that each query should have; called with row numbers. None reads it from ``label``.
            base_queries: Unit vectors of all queries by the base model, ``(n_queries, dim)``, by row; for ``hubness_weight``.
            temperature: Of the student's softmax over cosines, above 0; sentence-transformers' ``scale`` is 1 / temperature.
            hubness_weight: Weight of ``popularity_shift``, from 0 up; above 0 it needs a teacher and ``base_queries``.
            mini_batch_size: Queries encoded at once, from 1 up, to bound the memory; None for the whole batch.

        Raises:
            ValueError: If ``hubness_weight`` is above 0 without a teacher or ``base_queries``.
        """
        super().__init__(model, mini_batch_size)
        if hubness_weight and (base_queries is None or teacher is None):
            raise ValueError("hubness_weight: expected a teacher and base_queries, found one of them missing")
        self._passages = passages
        self._teacher = teacher
        self._base_queries = base_queries
        self._temperature = temperature
        self._hubness_weight = hubness_weight

    def forward(self, sentence_features: Iterable[Features], labels: Tensor) -> Tensor:
        """Return the mean loss of a batch of n queries; labels are ``(n,)`` row numbers or ``(n, n_passages)`` targets."""
        if self._teacher is None:
            return self.loss_of_batch(list(sentence_features), _Batch(labels, None))
        base = None if self._base_queries is None else self._base_queries[labels.cpu()]
        return self.loss_of_batch(list(sentence_features), _Batch(self._teacher(labels.tolist()), base))

    def loss_of_vectors(self, vectors: list[Tensor], batch: _Batch) -> Tensor:
        """See ``CachedLoss``."""
        (queries,) = vectors
        targets = batch.targets.to(queries.device)
        loss = distillation_loss(self._passages.cosines(queries), targets, self._temperature)
        if batch.base is None or not self._hubness_weight:
            return loss
        shift = popularity_shift(queries, batch.base.to(queries.device), self._passages, self._temperature)
        return loss + self._hubness_weight * shift


class _Batch(NamedTuple):
    targets: Tensor
    base: Tensor | None
