"""The losses, for our training and for any ``SentenceTransformerTrainer``: contrastive, and distillation over the corpus."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.losses import CachedLossMixin
from sentence_transformers.util import batch_to_device
from torch import Tensor, nn
from torch.nn import functional

from embedtune.training.gathering import gathered
from embedtune.types import Matrix

Features = dict[str, Any]
"""Tokenized texts of one column, ``(n_texts, …)`` tensors."""

_GROUP = 8  # texts that are encoded together
_WORTH_GROUPS = 0.9  # of the tokens of one group with its padding
_MASKED = -1e4  # a softmax weight of 0 that, unlike −inf, may be multiplied by a target of 0


class CachedLoss(CachedLossMixin, nn.Module):  # type: ignore[misc]  # sentence-transformers is not typed
    """A loss over the vectors of a whole batch, whose texts may be encoded a few at a time (GradCache, Gao et al. 2021).

    With a mini-batch size, texts are encoded twice: first without keeping what a backward pass needs, to get the gradient of
    the loss with respect to the vectors; then one mini-batch after the other to carry that gradient on. Memory follows the
    mini-batch, and every query still meets every passage of the batch. Without one, each column is encoded once. Where several
    processes train one model, the batch is that of all of them.

    Attributes:
        mini_batch_size: Texts encoded at once, or None for the whole batch.
        dims: Numbers of first components in which the loss is computed too; it is the mean over these and the whole vectors
            (Matryoshka, Kusupati et al. 2022). Unlike sentence-transformers' wrapper it may get a mini-batch size later.
    """

    model: SentenceTransformer
    dims: Sequence[int] = ()

    def __init__(self, model: SentenceTransformer, mini_batch_size: int | None) -> None:
        super().__init__()
        self.model = model
        self.mini_batch_size = mini_batch_size

    @property
    def uses_gradient_cache(self) -> bool:
        """Whether the backward pass encodes again; loss wrappers of sentence-transformers ask."""
        return self.mini_batch_size is not None

    def loss_of_batch(self, sentence_features: list[Features], batch: Any) -> Tensor:
        """Return ``calculate_loss`` of the vectors of each column and of ``batch``, ready for a backward pass."""
        if self.uses_gradient_cache:
            loss: Tensor = CachedLossMixin.forward_cached(self, sentence_features, batch)
            return loss
        vectors = [[self._embed(features)] for features in sentence_features]
        return self.calculate_loss(vectors, batch)

    def _embed(self, features: Features) -> Tensor:
        """Return the vectors of a column, ``(n_texts, dim)``; texts of one length together where that saves padding."""
        groups = _groups_by_length(features)
        if len(groups) == 1:
            whole: Tensor = self.model(features)["sentence_embedding"]
            return whole
        parts = torch.cat([self.model(_rows_of(features, rows))["sentence_embedding"] for rows in groups])
        return parts[torch.cat(groups).argsort()]

    def calculate_loss(self, reps: list[list[Tensor]], labels: Any = None, *, with_backward: bool = False) -> Tensor:
        """Compute the loss from the vectors of each mini-batch of each column; see ``CachedLossMixin``."""
        vectors = [gathered(torch.cat(parts).float()) for parts in reps]
        whole = vectors[0].shape[1]
        losses = [
            self.loss_of_vectors([functional.normalize(each[:, :kept], dim=-1) for each in vectors], labels)
            for kept in sorted({whole, *self.dims})
        ]
        loss = torch.stack(losses).mean() if self.dims else losses[0]
        if with_backward:
            loss.backward()  # type: ignore[no-untyped-call]
            return loss.detach()
        return loss

    def loss_of_vectors(self, vectors: list[Tensor], batch: Any) -> Tensor:
        """Compute the loss from unit vectors in fp32, ``(n, dim)`` for each column."""
        raise NotImplementedError


def _groups_by_length(features: Features) -> list[Tensor]:
    """Return row numbers in groups that are encoded together; one group where the texts are of one length."""
    mask = features.get("attention_mask")
    n = 0 if mask is None else len(mask)
    if mask is None or mask.dim() != 2 or n <= _GROUP or any(len(each) != n for each in _tensors(features).values()):
        return [torch.arange(n)]
    order = mask.sum(dim=1).argsort(descending=True, stable=True)
    groups = list(order.split(_GROUP))
    padded = sum(len(rows) * int(mask[rows].any(dim=0).sum()) for rows in groups)
    return groups if padded < _WORTH_GROUPS * mask.numel() else [torch.arange(n)]


def _rows_of(features: Features, rows: Tensor) -> Features:
    """Return the features of some texts, without the columns that only pad others."""
    mask = features["attention_mask"][rows]
    used = mask.any(dim=0)
    length = len(used)
    tensors = {name: values[rows] for name, values in _tensors(features).items()}
    tensors = {
        name: values[:, used] if values.dim() >= 2 and values.shape[1] == length else values
        for name, values in tensors.items()
    }
    return {**features, **tensors}


def _tensors(features: Features) -> dict[str, Tensor]:
    return {name: values for name, values in features.items() if isinstance(values, Tensor) and values.dim()}


class _Batch(NamedTuple):
    rows: list[int] | None
    guide: list[Tensor] | None


class GuidedContrastiveLoss(CachedLoss):
    """InfoNCE over in-batch negatives, in both directions, with likely false negatives masked by a guide model.

    For query i the passage j counts as a negative only where guide cos(q_i, p_j) < guide cos(q_i, p_i) + margin, and
    likewise for passage j and its own query: what the guide ranks clearly above the known answer probably is an answer
    (GISTEmbed, Solatorio 2024; here the guide's vectors may be given, so that it costs nothing). A passage that is judged
    relevant to a query is never its negative. The target is (1 − λ) · the known positive + λ · the guide's own softmax over
    the batch: distillation (Hinton et al. 2015), which keeps the guide's order among the other passages, and gives back what
    quantisation took. The two directions are averaged.

    Sources: van den Oord et al. 2018 (InfoNCE); Karpukhin et al. 2020 (in-batch negatives).

    Columns of the dataset: queries, positives, and optionally columns of hard negatives, which are negatives of every query
    of the batch. A ``label`` column with each row's number is read only where something is given by row: ``guide_embeddings``
    or ``relevant_ids``.

    Example:
        >>> from embedtune.training.losses import GuidedContrastiveLoss
        >>> def train(model, guide, pairs):  # doctest: +SKIP
        ...     loss = GuidedContrastiveLoss(model, guide=guide, mini_batch_size=16)
        ...     SentenceTransformerTrainer(model=model, train_dataset=pairs, loss=loss).train()
    """

    def __init__(
        self,
        model: SentenceTransformer,
        *,
        guide: SentenceTransformer | None = None,
        guide_embeddings: Sequence[Tensor] | None = None,
        positive_ids: Sequence[Hashable] | None = None,
        relevant_ids: Sequence[Collection[Hashable]] | None = None,
        negative_ids: Sequence[Sequence[Hashable]] = (),
        temperature: float = 0.05,
        margin: float = 0.0,
        distill_weight: float = 0.0,
        row_weights: Sequence[float] | None = None,
        mini_batch_size: int | None = None,
    ) -> None:
        """Set up the loss; without a guide nothing is masked as likely false, and λ must be 0.

        Args:
            model: To train.
            guide: Encodes the texts of each batch, without gradients. A model with another tokenizer gets the decoded texts.
            guide_embeddings: In its place: the unit vectors of all rows of the dataset by the guide, ``(n_rows, dim)`` for
                each column.
            positive_ids: The id of each row's positive passage.
            relevant_ids: Ids of all passages that are relevant to each row's query; goes with ``positive_ids``.
            negative_ids: For each column of hard negatives the id of each row's passage, which may answer another query of
                the batch; goes with ``relevant_ids``.
            temperature: Of the softmax over cosines, above 0; sentence-transformers' ``scale`` is 1 / temperature.
            margin: In cosines, −2 to 2; the larger, the fewer negatives are masked. The opposite sign of ``margin`` in
                sentence-transformers' ``GISTEmbedLoss``.
            distill_weight: λ, 0 to 1.
            row_weights: The weight of each row of the dataset, above 0, such as the relevance of its positive; the loss is the
                weighted mean.
            mini_batch_size: Texts encoded at once, from 1 up, to bound the memory; None for the whole batch.

        Raises:
            ValueError: If both a guide and its vectors are given, λ is above 0 without either, or one of ``positive_ids`` and
                ``relevant_ids`` is missing.
        """
        super().__init__(model, mini_batch_size)
        if guide is not None and guide_embeddings is not None:
            raise ValueError("expected a guide or guide_embeddings, found both")
        if guide is None and guide_embeddings is None and distill_weight:
            raise ValueError("distill_weight: expected a guide or guide_embeddings to learn from, found neither")
        if (positive_ids is None) != (relevant_ids is None):
            raise ValueError("expected positive_ids and relevant_ids together, found one of them")
        self.temperature = temperature
        self.margin = margin
        self.distill_weight = distill_weight
        self._guide = [guide]  # in a list, so that its weights are not parameters of this module
        self._guide_embeddings = guide_embeddings
        self._positive_ids = positive_ids
        self._relevant_ids = relevant_ids
        self._negative_ids = negative_ids
        self._row_weights = row_weights

    def forward(self, sentence_features: Iterable[Features], labels: Tensor | None = None) -> Tensor:
        """Return the mean loss of a batch.

        Args:
            sentence_features: Of queries, positives and any hard negatives, n texts each.
            labels: The number of each row in the dataset, ``(n,)``; see the class.

        Raises:
            ValueError: If labels are needed and there are none.
        """
        features = list(sentence_features)
        rows = None
        if any(each is not None for each in (self._guide_embeddings, self._relevant_ids, self._row_weights)):
            if labels is None:
                raise ValueError("expected a column label with the number of each row, found none")
            rows = gathered(labels).tolist()
        return self.loss_of_batch(features, _Batch(rows, self._guide_vectors(features, rows)))

    def loss_of_vectors(self, vectors: list[Tensor], batch: _Batch) -> Tensor:
        """See ``CachedLoss``."""
        queries, documents = vectors[0], torch.cat(vectors[1:])
        n, false = len(queries), self._known_false(len(queries), len(documents), batch.rows).to(queries.device)
        guide_logits = None
        if batch.guide is not None:
            guide_queries = batch.guide[0].to(queries.device)
            guide_cosines = guide_queries @ torch.cat([side.to(queries.device) for side in batch.guide[1:]]).T
            false = false | self._likely_false(guide_cosines)
            guide_logits = (guide_cosines / self.temperature).masked_fill(false, _MASKED)
        logits = (queries @ documents.T / self.temperature).masked_fill(false, _MASKED)
        by_query = self._cross_entropy(logits, guide_logits)
        by_passage = self._cross_entropy(logits[:, :n].T, None if guide_logits is None else guide_logits[:, :n].T)
        by_row = (by_query + by_passage) / 2
        if self._row_weights is None or batch.rows is None:
            return by_row.mean()
        weights = torch.tensor([self._row_weights[row] for row in batch.rows], device=by_row.device)
        return weights @ by_row / weights.sum()

    def _cross_entropy(self, logits: Tensor, guide_logits: Tensor | None) -> Tensor:
        target = (1 - self.distill_weight) * torch.eye(*logits.shape, device=logits.device)
        if guide_logits is not None:
            target = target + self.distill_weight * guide_logits.softmax(dim=-1)
        return functional.cross_entropy(logits, target, reduction="none")

    def _likely_false(self, cosines: Tensor) -> Tensor:
        bound = cosines.diagonal() + self.margin
        false = cosines >= bound[:, None]
        false[:, : len(bound)] |= cosines[:, : len(bound)] >= bound[None, :]
        return false.fill_diagonal_(False)

    def _known_false(self, n_queries: int, n_documents: int, rows: list[int] | None) -> Tensor:
        false = torch.zeros(n_queries, n_documents, dtype=torch.bool)
        if rows is not None and self._positive_ids is not None and self._relevant_ids is not None:
            columns = [[ids[row] for row in rows] for ids in (self._positive_ids, *self._negative_ids)]
            known = [[name in self._relevant_ids[row] for names in columns for name in names] for row in rows]
            false[:, : len(known[0])] = torch.tensor(known)
        return false.fill_diagonal_(False)

    def _guide_vectors(self, features: list[Features], rows: list[int] | None) -> list[Tensor] | None:
        if self._guide_embeddings is not None:
            return [column[rows] for column in self._guide_embeddings]
        (guide,) = self._guide
        if guide is None:
            return None
        guide.eval()
        with torch.no_grad():
            vectors = [guide(self._features_for(guide, column))["sentence_embedding"] for column in features]
        return [gathered(functional.normalize(side.float(), dim=-1)) for side in vectors]

    def _features_for(self, guide: SentenceTransformer, features: Features) -> Features:
        model: Any = getattr(self.model, "module", self.model)  # several processes train it in a wrapper
        own = model.tokenizer
        if own.get_vocab() == guide.tokenizer.get_vocab() and guide.max_seq_length >= model.max_seq_length:
            known = dict(features)
        else:
            known = guide.preprocess(own.batch_decode(features["input_ids"], skip_special_tokens=True))
        moved: Features = batch_to_device(known, guide.device)
        return moved


Scores = Callable[[Sequence[int]], Matrix]
"""Row numbers of queries → scores of all passages, ``(n, n_passages)``, each row with mean 0."""


@dataclass(frozen=True, kw_only=True)
class SoftTeacher:
    """softmax((score + boost · relevant) / temperature): a scorer's distribution with boosted relevant passages.

    Attributes:
        relevant: Relevant passages of each query, each with its relevance, above 0: 1, or less for lower grades.
        left_out: Passages that are neither an answer of each query nor a negative, such as the query itself.
        n_passages: Number of passages.
        scores: The scorer; without one the relevant passages share the whole distribution by their relevance (InfoNCE over
            the corpus).
        positive_boost: Times the relevance added to the score of a passage, in standard deviations.
        temperature: Of the softmax, above 0.
    """

    relevant: Sequence[Mapping[int, float]]
    n_passages: int
    scores: Scores | None = None
    positive_boost: float = 0.0
    temperature: float = 1.0
    left_out: Sequence[Sequence[int]] = ()

    def __call__(self, rows: Sequence[int]) -> Tensor:
        """Return the distributions of some queries, ``(n, n_passages)``; -1 for passages that are left out."""
        relevant = torch.zeros(len(rows), self.n_passages)
        left_out = torch.zeros(len(rows), self.n_passages, dtype=torch.bool)
        for line, row in enumerate(rows):
            relevant[line, list(self.relevant[row])] = torch.tensor(list(self.relevant[row].values()))
            left_out[line, list(self.left_out[row]) if self.left_out else []] = True
        if self.scores is None:
            targets = relevant / relevant.sum(dim=1, keepdim=True)
        else:
            logits = (torch.from_numpy(self.scores(rows)) + self.positive_boost * relevant) / self.temperature
            targets = logits.masked_fill(left_out, -torch.inf).softmax(dim=1)
        return targets.masked_fill(left_out, -1)


Teacher = Callable[[Sequence[int]], Tensor]
"""Row numbers of queries → target distributions over passages, ``(n, n_passages)``."""


class FrozenPassages:
    """Passage vectors that training does not change; the score of a passage is that of its best window."""

    def __init__(self, vectors: Tensor, starts: Sequence[int]) -> None:
        """Set unit vectors ``(n_windows, dim)`` and the first window of each passage, ascending from 0."""
        # ``encode`` returns inference tensors, through which no gradient can be computed.
        self._vectors = vectors.clone() if vectors.is_inference() else vectors
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
    """Return the mean KL divergence of softmax(cosine / temperature) from the teacher's distribution, ``(n, n_passages)``.

    Passages with a target below 0 take no part.
    """
    logits = (cosines / temperature).masked_fill(targets < 0, _MASKED)
    return functional.kl_div(logits.log_softmax(dim=1), targets.clamp(min=0), reduction="batchmean")


def popularity_shift(queries: Tensor, base: Tensor, passages: FrozenPassages, temperature: float) -> Tensor:
    """Return the hubness penalty: the mean square of each window's change of mean cosine with the queries of a batch.

    It is in units of the temperature. Synthetic queries come from some types of passages more often than people's queries do;
    a model that learns this moves every query away from tables, say, whatever it asks.

    Args:
        queries: Unit vectors of a batch, ``(n, dim)``.
        base: Unit vectors of the same queries by the base model, ``(n, dim)``.
        passages: The passages.
        temperature: Temperature of the student's softmax.
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
        labels = gathered(labels)
        if self._teacher is None:
            return self.loss_of_batch(list(sentence_features), _Targets(labels, None))
        base = None if self._base_queries is None else self._base_queries[labels.cpu()]
        return self.loss_of_batch(list(sentence_features), _Targets(self._teacher(labels.tolist()), base))

    def loss_of_vectors(self, vectors: list[Tensor], batch: _Targets) -> Tensor:
        """See ``CachedLoss``."""
        (queries,) = vectors
        targets = batch.targets.to(queries.device)
        loss = distillation_loss(self._passages.cosines(queries), targets, self._temperature)
        if batch.base is None or not self._hubness_weight:
            return loss
        shift = popularity_shift(queries, batch.base.to(queries.device), self._passages, self._temperature)
        return loss + self._hubness_weight * shift


class _Targets(NamedTuple):
    targets: Tensor
    base: Tensor | None
