"""Passage residuals: one vector for each labelled passage, added to that of the frozen encoder; seconds, re-indexed.

Document vectors that move towards the queries that they answer are as old as SMART (Brauen 1971, Document vector modification).
It helps where future queries have the same passages as answers, and hurts where passages without labels must compete: dev
decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from embedtune.errors import DataError
from embedtune.models.weights import two_towers
from embedtune.progress import track
from embedtune.training.dev_set import select_on_dev
from embedtune.training.methods.context import Candidate, Context
from embedtune.training.tuned_models import TunedModel
from embedtune.types import Matrix, Query, Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor

    from embedtune.config.training import TrainConfig

_BATCH = 128  # queries
_PENALTY = 0.3  # of the mean squared length of the residuals


@dataclass(kw_only=True, eq=False)
class PassageResidualsModel(TunedModel):
    """v → v + residual of the passage, of unit length, see ``models.passage_residuals``.

    Attributes:
        base: The untouched base.
        residuals: At full strength, ``(n_rows, dim)``.
        row_of: Fingerprint of a text → its row.
        over: Encodes queries, or queries and passages; None leaves them to the base.
        over_strength: Of its update.
        model: The model at full strength.
    """

    base: SentenceTransformer
    residuals: Tensor
    row_of: Mapping[int, int]
    changed_documents: Sequence[str]
    over: TunedModel | None = None
    over_strength: float = 0.0
    model: SentenceTransformer = field(init=False)

    def __post_init__(self) -> None:
        self.model = self._at_full_strength()

    def merge_into(self, copy: SentenceTransformer, strength: float = 1.0) -> SentenceTransformer:
        """Return ``copy``, into which the update of ``over`` is merged, with residuals added to its vectors."""
        return self._with_residuals(self.over.merge_into(copy, self.over_strength) if self.over else copy, strength)

    def fold(self, strength: float) -> None:
        """See ``TunedModel``."""
        self.residuals = strength * self.residuals
        if self.over:
            self.over.fold(self.over_strength)
            self.over_strength = 1.0
        self.model = self._at_full_strength()

    def _at_full_strength(self) -> SentenceTransformer:
        return self._with_residuals(self.over.model if self.over else self.base, 1.0)

    def _with_residuals(self, encoder: SentenceTransformer, strength: float) -> SentenceTransformer:
        from sentence_transformers import SentenceTransformer

        from embedtune.models.passage_residuals import PassageResiduals

        dense = two_towers(encoder, self.base) if self.over and self.over.queries_only else encoder
        module = PassageResiduals(dense, strength * self.residuals, self.row_of)
        return SentenceTransformer(modules=[module], prompts=dense.prompts, device=str(dense.device))


class LabelledCorpus(NamedTuple):
    """Passages by the encoder that stays as it is, and the train queries that they answer.

    Attributes:
        queries: Unit vectors, ``(n_queries, dim)``.
        windows: Unit vectors, ``(n_windows, dim)``.
        starts: First window of each passage.
        rows: Row of each window's residual, −1 for none, ``(n_windows,)``.
        grades: For each query the grades of its passages, as numbers of ``starts``, above 0; −1 where a passage is left out.
    """

    queries: Vectors
    windows: Vectors
    starts: Sequence[int]
    rows: Tensor
    grades: Sequence[Mapping[int, float]]


def judged_queries(context: Context) -> list[Query]:
    """Return the train queries that people judged, at most ``max_queries``, each answered by another text than itself."""
    return [
        query
        for query in context.sample_queries()
        if query.came_with_label and {*context.relevant[query.query_id]}.difference(context.own[query.query_id])
    ]


def tune_passage_residuals(
    context: Context, name: str = "passage-residuals", best: Candidate | None = None
) -> Candidate:
    """Learn residuals of the labelled passages over the base, or over the best method so far.

    Raises:
        DataError: If no train query is judged.
    """
    import torch

    from embedtune.models.passage_residuals import add_residuals, find_rows, number_passages

    queries = judged_queries(context)
    if not queries:
        raise DataError(
            f"dataset: expected train queries with judgements for {name}, found generated ones alone",
            hint="give labels (embedtune generate --labels), or take another --method",
        )
    labelled = context.sources_of(queries)
    texts = [[*context.windows[number], context.dataset.passages[number].full_text] for number in labelled]
    row_of = number_passages(texts)
    dev, dev_queries, dev_windows = context.dev, *_encode_dev(context, best)
    dev_rows = find_rows(row_of, dev.windows)
    corpus = _encode_labelled(context, best, queries, row_of, dev_windows)
    residuals, losses = fit_residuals(corpus, len(labelled), context.config, context.temperature)

    def scores(strength: float) -> Matrix:
        moved = add_residuals(torch.from_numpy(dev_windows), strength * residuals, dev_rows)
        return dev.scores_of(dev_queries, moved.numpy())

    decision, chosen, dev_record = select_on_dev(
        dev, context.retrieval.base, {strength: scores(strength) for strength in context.config.strengths}
    )
    tuned = PassageResidualsModel(
        base=context.base.model,
        residuals=residuals,
        row_of=row_of,
        changed_documents=[windows[0] for windows in texts],
        over=best.tuned if best else None,
        over_strength=best.decision.strength if best else 0.0,
    )
    details: dict[str, object] = {
        "over": best.name if best else "base",
        "queries": len(queries),
        "residuals": len(labelled),
        "steps": len(losses),
        "losses": [round(value, 4) for value in losses],
    }
    rows = [{"query_id": query.query_id, "anchor": query.text} for query in queries]
    return Candidate(name, tuned, best.scheme if best else "none", decision, chosen, rows, dev_record, details)


def fit_residuals(
    corpus: LabelledCorpus, n_rows: int, config: TrainConfig, temperature: float
) -> tuple[Tensor, list[float]]:
    """Fit one residual for each labelled passage, from zero, by softmax cross-entropy over all passages (Adam).

    The target of a query is its grades, divided by their sum; the score of a passage is that of its best window.

    Returns:
        The residuals, ``(n_rows, dim)``, and the loss of each step.
    """
    import torch
    from torch.nn import Parameter

    from embedtune.models.passage_residuals import add_residuals
    from embedtune.training.losses import FrozenPassages, distillation_loss

    queries, windows = (
        torch.from_numpy(corpus.queries),
        torch.tensor(corpus.windows),
    )  # copied: kept vectors are read-only
    residuals = Parameter(torch.zeros(n_rows, windows.shape[1]))
    optimizer = torch.optim.Adam([residuals], lr=config.residual_learning_rate)
    order, losses = torch.Generator().manual_seed(config.seed), []
    for _ in range(config.residual_epochs):
        for batch in torch.split(torch.randperm(len(queries), generator=order), _BATCH):
            targets = torch.zeros(len(batch), len(corpus.starts))
            for row, query in enumerate(batch.tolist()):
                for passage, grade in corpus.grades[query].items():
                    targets[row, passage] = grade
            left_out = targets < 0
            targets = (targets / targets.clamp_min(0).sum(dim=1, keepdim=True)).masked_fill(left_out, -1)
            passages = FrozenPassages(add_residuals(windows, residuals, corpus.rows), corpus.starts)
            loss = distillation_loss(passages.cosines(queries[batch]), targets, temperature)
            loss = loss + _PENALTY * residuals.square().sum() / n_rows
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.item())
    return residuals.detach(), losses


def _encode_dev(context: Context, best: Candidate | None) -> tuple[Vectors, Vectors]:
    """Return the vectors of the dev queries and of the dev windows by the best method so far."""
    dev, windows = context.dev, context.retrieval.windows
    if best is None:
        return context.base.encode_queries(dev.queries), windows
    encoder = context.retrieval.encoder_with(best.tuned, best.decision.strength)
    if best.tuned.queries_only:
        return encoder.encode_queries(dev.queries), windows
    with track(f"dev: {best.name}", dev.n_encoded) as on_progress:
        return encoder.encode_queries(dev.queries, on_progress), encoder.encode_documents(dev.windows, on_progress)


def _encode_labelled(
    context: Context, best: Candidate | None, queries: Sequence[Query], row_of: Mapping[int, int], dev_windows: Vectors
) -> LabelledCorpus:
    """Encode the queries, and take the base's corpus; or, where passages were tuned, encode the labelled ones.

    These compete with each other and with the dev windows then, which are encoded already: encoding a corpus takes long.
    """
    from embedtune.models.passage_residuals import find_rows

    encoder = context.retrieval.encoder_with(best.tuned, best.decision.strength) if best else context.base
    numbers, vectors, dev = context.sources_of(queries), dev_windows, context.dev
    with track("encode: train queries", len(queries)) as on_progress:
        encoded = encoder.encode_queries([query.text for query in queries], on_progress)
    if best is None or best.tuned.queries_only:
        numbers, windows, vectors = context.frozen_corpus
        texts, starts = windows.texts, windows.starts.tolist()
    else:
        groups = [context.windows[number] for number in numbers]
        others = np.flatnonzero(find_rows(row_of, dev.windows).numpy() < 0)
        texts = [text for group in groups for text in group]
        with track("encode: labelled passages", len(set(texts))) as on_progress:
            vectors = np.concatenate([encoder.encode_documents(texts, on_progress), dev_windows[others]])
        texts += [dev.windows[number] for number in others]
        sizes = [*map(len, groups), *([1] * len(others))]
        starts = np.cumsum([0, *sizes[:-1]]).tolist()
    column = {number: place for place, number in enumerate(numbers)}
    grades = []
    for query in queries:
        found = {column[n]: relevance for n, relevance in context.relevance_of(query.query_id).items()}
        grades.append(found | dict.fromkeys((column[n] for n in context.own[query.query_id] if n in column), -1.0))
    return LabelledCorpus(encoded, vectors, starts, find_rows(row_of, texts), grades)
