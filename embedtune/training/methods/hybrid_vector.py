"""Hybrid vectors: a dense vector with a BM25 sketch of the text appended; counted in the corpus, not trained, re-indexed.

The strength is the scale of the sketch, and a method that tunes queries alone may have tuned the dense part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from embedtune.models.weights import two_towers
from embedtune.training.dev_set import select_on_dev
from embedtune.training.methods.context import Candidate, Context
from embedtune.training.tuned_models import TunedModel
from embedtune.types import Matrix

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from embedtune.models.hybrid_vector import BM25Sketch

FULL_SHARE = 0.5
"""Spread of the sketch's scores against that of the cosines at full strength, where fusion weighs both equally.

Synthetic queries flatter words: more is not tried.
"""
_MARGIN = 1.25  # of the longest sketch in the sample; longer ones are shortened
_SAMPLE = 4000  # windows


@dataclass(kw_only=True, eq=False)
class HybridVectorModel(TunedModel):
    """v → (v, BM25 sketch), of unit length, see ``models.hybrid_vector``.

    Attributes:
        base: The untouched base; it encodes passages.
        sketch: Fitted to the corpus.
        scale: Of the sketches' inner product against the cosine at full strength.
        longest: Squared length of the longest sketch of a passage, scaled.
        queries: Encodes queries; None leaves them to the base.
        queries_strength: Of its update.
        model: The model at full strength.
    """

    base: SentenceTransformer
    sketch: BM25Sketch
    scale: float
    longest: float
    queries: TunedModel | None = None
    queries_strength: float = 0.0

    def __post_init__(self) -> None:
        self.model = self._at_full_strength()

    def merge_into(self, copy: SentenceTransformer, strength: float = 1.0) -> SentenceTransformer:
        """Return ``copy``, into which the update of queries is merged, with sketches appended to its vectors."""
        if self.queries is None:
            return self._with_sketch(copy, strength)
        queries = self.queries.merge_into(copy, self.queries_strength)
        return self._with_sketch(two_towers(queries, self.base), strength)

    def fold(self, strength: float) -> None:
        """See ``TunedModel``."""
        self.scale *= strength
        self.longest *= strength
        if self.queries:
            self.queries.fold(self.queries_strength)
            self.queries_strength = 1.0
        self.model = self._at_full_strength()

    def _at_full_strength(self) -> SentenceTransformer:
        return self._with_sketch(two_towers(self.queries.model, self.base) if self.queries else self.base, 1.0)

    def _with_sketch(self, dense: SentenceTransformer, strength: float) -> SentenceTransformer:
        from sentence_transformers import SentenceTransformer

        from embedtune.models.hybrid_vector import HybridVector

        both = HybridVector(dense, self.sketch, scale=strength * self.scale, longest=strength * self.longest)
        return SentenceTransformer(modules=[both], prompts=dense.prompts, device=str(dense.device))


def tune_hybrid_vector(context: Context, name: str = "hybrid-vector", best: Candidate | None = None) -> Candidate:
    """Append BM25 sketches to the vectors of the base, or of the best method so far if it tunes queries alone."""
    from embedtune.models.hybrid_vector import BM25Sketch

    queries, dev = best if best and best.tuned.queries_only else None, context.dev
    passages = context.sample_passages()
    texts = [context.dataset.passages[number].full_text for number in passages]
    sketch = BM25Sketch.fit(texts, context.config.sketch_dimensions - 1)  # one more makes passages equally long
    dense_queries = (
        context.retrieval.encode_queries_with(queries.tuned, queries.decision.strength)
        if queries
        else context.base.encode_queries(dev.queries)
    )
    sketched_queries = sketch.queries(dev.queries)
    windows = np.hstack([context.retrieval.windows, sketch.documents(dev.windows)])

    def scores(dense_weight: float, sketch_weight: float) -> Matrix:
        parts = [dense_queries * np.float32(dense_weight), sketched_queries * np.float32(sketch_weight)]
        return dev.scores_of(np.hstack(parts), windows)

    weight = context.base_fusion_weight
    share = FULL_SHARE * (1 - weight) / weight
    dense_spread = _spread(scores(1, 0))
    scale = share * dense_spread / max(_spread(scores(0, 1)), 1e-9)
    decision, chosen, dev_record = select_on_dev(
        dev,
        context.retrieval.base,
        {strength: scores(1, strength * scale) for strength in context.config.strengths},
    )
    sampled = passages[:: max(1, len(passages) // _SAMPLE)]
    sample = [text for number in sampled for text in context.windows[number]]
    return Candidate(
        name=name,
        tuned=HybridVectorModel(
            base=context.base.model,
            sketch=sketch,
            scale=scale,
            longest=scale * _MARGIN * float((sketch.documents(sample) ** 2).sum(axis=1).max()),
            queries=queries.tuned if queries else None,
            queries_strength=queries.decision.strength if queries else 0.0,
        ),
        scheme=queries.scheme if queries else "none",
        decision=decision,
        dense=chosen,
        rows=queries.rows if queries else [],
        dev=dev_record,
        details={"over": queries.name if queries else "base", "share": round(share, 4), "scale": round(scale, 6)},
        fusion_weight=_same_share(weight, share * (decision.strength or 1), _spread(chosen) / dense_spread),
    )


def _spread(scores: Matrix) -> float:
    return float(scores.std(axis=1).mean())


def _same_share(weight: float, share: float, spread: float) -> float:
    """Return the weight in fusion, to a twentieth, that leaves words the share which they have in the base's fusion.

    That gives words r = (1 − weight) / weight for each unit of meaning. The z-score of the sum m + share · l is the sum over
    its spread, that of m being 1; so w · share / spread + 1 − w = r · w / spread.
    """
    words = (1 - weight) / weight
    return round(20 * spread / (spread + words - share)) / 20
