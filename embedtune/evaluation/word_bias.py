"""How far extractive queries favour words: what BM25 and fusion gain on them beyond what they gain on people's queries.

Extractive queries are made of their passages' words, so a search for words finds them too well. The excess was measured on
collections that have people's queries too (``python -m benchmarks.drawn``). What is left of a gain once it is subtracted, with
its spread between collections, is what such queries say about people's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from math import hypot
from statistics import NormalDist
from typing import NamedTuple

from embedtune.evaluation.verdict import PRIMARY, Comparisons
from embedtune.project.evaluation_records import Comparison
from embedtune.systems import System
from embedtune.types import SYNTHETIC_KINDS, Query

_NORMAL = NormalDist().inv_cdf(0.975)
_DENSE = "dense"


class Bias(NamedTuple):
    """An excess in nDCG@10: mean, and standard deviation between collections."""

    mean: float
    spread: float


BIAS: Mapping[str, Bias] = {"bm25": Bias(0.35, 0.09), "hybrid": Bias(0.26, 0.07)}
"""By kind of system, over the model alone; every other kind than BM25 and the model alone fuses both, as ``hybrid`` does."""


def are_extractive(queries: Iterable[Query]) -> bool:
    """Return whether most queries were taken from the text by rules."""
    kinds = [query.kind in SYNTHETIC_KINDS for query in queries]
    return 2 * sum(kinds) > len(kinds)


def without_word_bias(comparisons: Comparisons, worded: Collection[str] = ()) -> Comparisons:
    """Take back what the bias alone can explain: a system is better, or worse, only where the rest of the difference is, too.

    Args:
        comparisons: Made on extractive queries.
        worded: Models whose vectors hold words, such as those of ``hybrid-vector``.
    """
    return {
        pair: {name: _corrected(found, bias_of(*pair, worded)) for name, found in measures.items()}
        for pair, measures in comparisons.items()
    }


def bias_of(system: str, reference: str, worded: Collection[str] = ()) -> Bias | None:
    """Return the excess of a system over another; None where both search for words alike."""
    first, second = (_over_dense(System.parse(name), worded) for name in (system, reference))
    return None if first == second else Bias(first.mean - second.mean, hypot(first.spread, second.spread))


def open_gains(comparisons: Comparisons) -> list[str]:
    """Say where a gain of fusion over the base may be one for such queries alone."""
    found = comparisons.get(("hybrid_base", "base"), {}).get(PRIMARY)
    if not found or not found.word_bias or found.better or found.difference <= 0:
        return []
    mean, spread = (100 * value for value in found.word_bias)
    gain = f"Hybrid search gains {100 * found.difference:.1f} points on these queries, which favour words by"
    return [f"{gain} {mean:.0f} ± {spread:.0f}: evaluate people's questions to know what it gains there (`--queries`)."]


def _over_dense(system: System, worded: Collection[str]) -> Bias:
    if system.kind == _DENSE and system.model not in worded:
        return Bias(0, 0)
    return BIAS["bm25"] if system.kind == "bm25" else BIAS["hybrid"]


def _corrected(found: Comparison, bias: Bias | None) -> Comparison:
    if bias is None or found.measure != PRIMARY:
        return found
    rest = found.difference - bias.mean
    half = _NORMAL * hypot(found.error, bias.spread)
    better, worse = found.better and rest > half, found.worse and rest < -half
    return found.model_copy(update={"better": better, "worse": worse, "word_bias": tuple(bias)})
