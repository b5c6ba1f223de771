"""The words of a text beside its vector: counted in the corpus, not trained; the index is made again.

The lexical part as a method of training: its strength is its scale, and a query-side method may lie below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embedtune.models.bm25_sketch import BM25Sketch
from embedtune.models.weights import two_towers
from embedtune.training.methods.context import Candidate, Context, judge
from embedtune.types import Progress, Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from embedtune.training.trainable import Method


class Lexical:
    """v → (v, lexical part), of unit length; see ``retrieval.with_lexical``.

    Attributes:
        model: The model at full strength, what lies below included.
    """

    queries_only = False

    def __init__(
        self,
        base: SentenceTransformer,
        lexical: BM25Sketch,
        *,
        scale: float,
        longest: float,
        below: Method | None = None,
        strength_below: float = 0.0,
    ) -> None:
        """Take the parts.

        Args:
            base: The untouched base; it encodes passages.
            lexical: Fitted to the corpus.
            scale: Of the lexical product against the cosine at full strength.
            longest: Squared length of the longest lexical part of a passage, scaled.
            below: What moves queries; None leaves them with the base.
            strength_below: Of it.
        """
        self._base = base
        self._lexical = lexical
        self._scale = scale
        self._longest = longest
        self._below = below
        self._strength_below = strength_below
        self.model = self._whole(1.0)

    def merged(self, plain: SentenceTransformer, strength: float = 1.0) -> SentenceTransformer:
        """Return the lexical part beside ``plain``, into which a method below is merged first."""
        if self._below is None:
            return self._wrapped(plain, strength)
        return self._wrapped(two_towers(self._below.merged(plain, self._strength_below), self._base), strength)

    def fold(self, strength: float) -> None:
        """Scale the lexical part for good."""
        self._scale *= strength
        self._longest *= strength
        if self._below:
            self._below.fold(self._strength_below)
            self._strength_below = 1.0
        self.model = self._whole(1.0)

    def save_adapter(self, folder: Path, base_name: str) -> bool:
        """Write nothing: all of it is in the merged folder."""
        return False

    def _whole(self, strength: float) -> SentenceTransformer:
        return self._wrapped(two_towers(self._below.model, self._base) if self._below else self._base, strength)

    def _wrapped(self, dense: SentenceTransformer, strength: float) -> SentenceTransformer:
        from sentence_transformers import SentenceTransformer

        from embedtune.models.hybrid_vector import HybridVector

        both = HybridVector(dense, self._lexical, scale=strength * self._scale, longest=strength * self._longest)
        return SentenceTransformer(modules=[both], prompts=dense.prompts, device=str(dense.device))


FULL_SHARE = 0.5
"""Spread of the lexical scores against that of the cosines at full strength, where fusion gives words as much as meaning.

Drawn queries flatter words: more is not tried.
"""
_MARGIN = 1.25  # of the longest lexical part in the sample; what is longer still is shortened
_SAMPLE = 4000  # windows


def add_lexical_part(context: Context, name: str, held: Candidate | None = None) -> Candidate:
    """Put the projected term weights of BM25 beside the vectors of the base, or of what moves queries alone.

    Args:
        context: Shared by all candidates.
        name: Of the method.
        held: The best candidate so far; one that leaves passages with the base goes below the lexical part.
    """
    below = held if held and held.method.queries_only else None
    passages = context.sample_passages()
    texts = [context.dataset.passages[number].full_text for number in passages]
    lexical = BM25Sketch.fit(texts, context.config.sketch_dimensions - 1)  # one more makes passages equally long
    search = _Search(context, lexical, _dense_queries(context, below))
    weight = context.base_weight
    share = FULL_SHARE * (1 - weight) / weight
    meaning = _spread(search.scores(1, 0))
    scale = share * meaning / max(_spread(search.scores(0, 1)), 1e-9)
    decision, chosen, facts = judge(
        context, {each: search.scores(1, each * scale) for each in context.config.strengths}
    )
    facts |= {"over": below.name if below else "base", "share": round(share, 4), "scale": round(scale, 6)}
    return Candidate(
        name=name,
        method=Lexical(
            context.base.model,
            lexical,
            scale=scale,
            longest=scale * _MARGIN * _longest(context, lexical, passages),
            below=below.method if below else None,
            strength_below=below.decision.strength if below else 0.0,
        ),
        scheme=below.scheme if below else "none",
        decision=decision,
        dense=chosen,
        rows=below.rows if below else [],
        facts=facts,
        fusion_weight=_same_share(weight, share * (decision.strength or 1), _spread(chosen) / meaning),
    )


def _dense_queries(context: Context, below: Candidate | None) -> Vectors:
    """Return the vectors of the dev queries, ``(n_queries, dim)``."""
    if below is None:
        return context.base.encode_queries(context.dev.queries)
    return context.retrieval.encode_queries_with(below.method, below.decision.strength)


class _Search:
    """Dev retrieval over vectors that are known already."""

    def __init__(self, context: Context, lexical: BM25Sketch, queries: Vectors) -> None:
        self._dev = context.dev
        self._queries = (queries, lexical.queries(self._dev.queries))
        self._windows = np.hstack([context.retrieval.windows, lexical.documents(self._dev.windows)])

    def scores(self, of_dense: float, of_lexical: float) -> Vectors:
        """Return the weighted sum of both products for the best window of each passage, ``(n_queries, n_passages)``."""
        dense, lexical = self._queries
        known = _Known(np.hstack([dense * np.float32(of_dense), lexical * np.float32(of_lexical)]))
        return self._dev.dense_scores(known, windows=self._windows)


class _Known:
    """Gives vectors that were made before."""

    def __init__(self, queries: Vectors) -> None:
        self._queries = queries

    def encode_queries(self, texts: Sequence[str], on_progress: Progress | None = None) -> Vectors:
        """Return the vectors of the dev queries."""
        return self._queries

    def encode_documents(self, texts: Sequence[str], on_progress: Progress | None = None) -> Vectors:
        """Passages are known too."""
        raise NotImplementedError


def _spread(scores: Vectors) -> float:
    return float(scores.std(axis=1).mean())


def _same_share(weight: float, share: float, spread: float) -> float:
    """Return the weight in fusion, to a twentieth, that leaves words the share which they have in the base's fusion.

    That gives words r = (1 − weight) / weight for each unit of meaning. The z-score of the sum m + share · l is the sum over
    its spread, that of m being 1; so w · share / spread + 1 − w = r · w / spread.
    """
    wanted = (1 - weight) / weight
    return round(20 * spread / (spread + wanted - share)) / 20


def _longest(context: Context, lexical: BM25Sketch, passages: Sequence[int]) -> float:
    """Return the largest squared length of a window's lexical part, in an even sample."""
    windows = context.windows()
    chosen = passages[:: max(1, len(passages) // _SAMPLE)]
    texts = [text for number in chosen for text in windows[number]]
    return float((lexical.documents(texts) ** 2).sum(axis=1).max())
