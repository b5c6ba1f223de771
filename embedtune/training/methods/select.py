"""Which candidates are made, in which order, and which of them is shipped."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from embedtune.training.methods.context import Candidate, Context
from embedtune.training.methods.contrastive import tune_both_sides
from embedtune.training.methods.hybrid_vector import add_lexical_part
from embedtune.training.methods.query_adapters import tune_by_principal_directions, tune_linear_map
from embedtune.training.methods.query_lora import tune_query_side
from embedtune.training.methods.teacher import encode_corpus, prepare_distillation
from embedtune.training.selection import beats

_METHODS: dict[str, Callable[[Context, str], Candidate]] = {
    "pca": tune_by_principal_directions,
    "linear": tune_linear_map,
    "query-lora": tune_query_side,
    "lora": tune_both_sides,
    "full": tune_both_sides,
}
_TOLD = ("directions", "by_strength", "gain", "standard_error")
_log = logging.getLogger("embedtune")


class MethodSelection(NamedTuple):
    """What was tried.

    Attributes:
        best: The candidate that is shipped, or where none is worth it the one that came closest.
        ships: Whether it is shipped.
        rungs: What was said of each candidate, for the manifest.
    """

    best: Candidate
    ships: bool
    rungs: list[dict[str, Any]]


def select_method(context: Context, method: str) -> MethodSelection:
    """Try one method, or with ``auto`` all of ``config.auto_methods``.

    An candidate takes the place of the one before it when it beats the base by more than noise, and does better than the one
    before it: by more than noise where it needs a new index and that one did not.
    """
    names: Sequence[str] = context.config.auto_methods if method == "auto" else (method,)
    held: Candidate | None = None
    closest: Candidate | None = None
    rungs = []
    for name in names:
        candidate = add_lexical_part(context, name, held) if name == "hybrid-vector" else _METHODS[name](context, name)
        reason, better = _compare(context, candidate, held)
        _log.info("%s: dev gain %+.4f ± %.4f, %s", name, candidate.decision.gain, candidate.decision.error, reason)
        rungs.append(
            {"method": name, **{key: candidate.facts[key] for key in _TOLD if key in candidate.facts}, "reason": reason}
        )
        held = candidate if better else held
        if closest is None or candidate.decision.gain > closest.decision.gain:
            closest = candidate
    prepare_distillation.cache_clear()
    encode_corpus.cache_clear()  # the vectors of a corpus are not held for whatever the process does next
    best = held or closest
    if best is None:
        raise AssertionError("a ladder has at least one rung")
    return MethodSelection(best, held is not None, rungs)


def _compare(context: Context, candidate: Candidate, held: Candidate | None) -> tuple[str, bool]:
    if candidate.decision.ship == "base":
        return "no more than noise over the base", False
    if held is None:
        return "better than the base", True
    dev = context.dev
    scores, others = dev.reciprocal_ranks(candidate.dense), dev.reciprocal_ranks(held.dense)
    if held.method.queries_only and not candidate.method.queries_only:
        if beats(scores, others, dev.clusters):
            return f"better than {held.name}, and worth a new index", True
        return f"better than the base, no more than noise over {held.name}, which needs no new index", False
    if scores.mean() > others.mean():
        return f"better than {held.name}", True
    return f"better than the base, not than {held.name}", False
