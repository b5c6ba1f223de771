"""The loss that tunes queries alone: a teacher's order of the whole corpus, learnt by the query vectors.

What a query should find: a teacher's scores of all passages, as a distribution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn import functional

from embedtune.training.gradient_cache import Features, loss_of_batch
from embedtune.types import Matrix

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
        self._bonus = positive_boost
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


class CorpusDistillationLoss(nn.Module):
    """KL divergence between a teacher's distribution over all passages and the query's own.

    Passage vectors are frozen, so every step scores the whole corpus for the price of encoding short queries, and the index
    stays as it is. Source: Hinton et al. 2015 (distillation); listwise for retrieval: Hofstätter et al. 2020.

    Attributes:
        mini_batch: Queries encoded at once, or None for the whole batch; see ``gradient_cache``.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        base_queries: Tensor,
        passages: FrozenPassages,
        teacher: Teacher,
        *,
        temperature: float,
        hubness_weight: float = 0.0,
    ) -> None:
        """Take the query encoder to train.

        Args:
            model: To train.
            base_queries: Unit vectors of all queries by the base model, ``(n_queries, dim)``.
            passages: Of the whole corpus, by the base model.
            teacher: What each query should find; queries are numbered as in training.
            temperature: Of the student's softmax over cosines, above 0.
            hubness_weight: Weight of ``popularity_shift``.
        """
        super().__init__()
        self.model = model
        self.mini_batch: int | None = None
        self._passages = passages
        self._teacher = teacher
        self._temperature = temperature
        self._base_queries = base_queries
        self._steadiness = hubness_weight

    def forward(self, sentence_features: Iterable[Features], labels: Tensor) -> Tensor:
        """Return the mean loss of a batch of query features; ``labels`` are the queries' numbers."""
        targets = self._teacher(labels.tolist())
        return loss_of_batch(
            self._encode,
            list(sentence_features),
            lambda queries: self._loss(queries, targets, self._base_queries[labels.cpu()]),
            batch=len(labels),
            mini_batch=self.mini_batch,
        )

    def _encode(self, features: Features) -> Tensor:
        return functional.normalize(self.model(features)["sentence_embedding"].float(), dim=-1)

    def _loss(self, queries: Tensor, targets: Tensor, base: Tensor) -> Tensor:
        cosines = self._passages.cosines(queries)
        divergence = distillation_loss(cosines, targets.to(queries.device), self._temperature)
        shift = popularity_shift(queries, base.to(queries.device), self._passages, self._temperature)
        return divergence + self._steadiness * shift
