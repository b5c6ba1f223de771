"""Which attempts are made, in which order, and which of them is shipped."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from embedtune.evaluation.gate import beats
from embedtune.stages.attempts.attempt import Attempt, Context
from embedtune.stages.attempts.both_sides import tune_both_sides
from embedtune.stages.attempts.frozen_corpus import encode_corpus
from embedtune.stages.attempts.lexical_part import add_lexical_part
from embedtune.stages.attempts.query_maps import tune_by_principal_directions, tune_linear_map
from embedtune.stages.attempts.query_side import tune_query_side
from embedtune.stages.attempts.teaching import prepare_lesson

_METHODS: dict[str, Callable[[Context, str], Attempt]] = {
    "pca": tune_by_principal_directions,
    "linear": tune_linear_map,
    "query-lora": tune_query_side,
    "lora": tune_both_sides,
    "full": tune_both_sides,
}
_TOLD = ("directions", "by_strength", "gain", "standard_error")
_log = logging.getLogger("embedtune")


class Climb(NamedTuple):
    """What was tried.

    Attributes:
        best: The attempt that is shipped, or where none is worth it the one that came closest.
        ships: Whether it is shipped.
        rungs: What was said of each attempt, for the manifest.
    """

    best: Attempt
    ships: bool
    rungs: list[dict[str, Any]]


def climb(context: Context, method: str) -> Climb:
    """Try one method, or with ``auto`` all of ``config.ladder``.

    An attempt takes the place of the one before it when it beats the base by more than noise, and does better than the one
    before it: by more than noise where it needs a new index and that one did not.
    """
    names: Sequence[str] = context.config.ladder if method == "auto" else (method,)
    held: Attempt | None = None
    closest: Attempt | None = None
    rungs = []
    for name in names:
        attempt = add_lexical_part(context, name, held) if name == "lexical" else _METHODS[name](context, name)
        reason, better = _compare(context, attempt, held)
        _log.info("%s: dev gain %+.4f ± %.4f, %s", name, attempt.decision.gain, attempt.decision.error, reason)
        rungs.append(
            {"method": name, **{key: attempt.facts[key] for key in _TOLD if key in attempt.facts}, "reason": reason}
        )
        held = attempt if better else held
        if closest is None or attempt.decision.gain > closest.decision.gain:
            closest = attempt
    prepare_lesson.cache_clear()
    encode_corpus.cache_clear()  # the vectors of a corpus are not held for whatever the process does next
    best = held or closest
    if best is None:
        raise AssertionError("a ladder has at least one rung")
    return Climb(best, held is not None, rungs)


def _compare(context: Context, attempt: Attempt, held: Attempt | None) -> tuple[str, bool]:
    if attempt.decision.ship == "base":
        return "no more than noise over the base", False
    if held is None:
        return "better than the base", True
    dev = context.dev
    scores, others = dev.reciprocal_ranks(attempt.dense), dev.reciprocal_ranks(held.dense)
    if held.method.queries_only and not attempt.method.queries_only:
        if beats(scores, others, dev.clusters):
            return f"better than {held.name}, and worth a new index", True
        return f"better than the base, no more than noise over {held.name}, which needs no new index", False
    if scores.mean() > others.mean():
        return f"better than {held.name}", True
    return f"better than the base, not than {held.name}", False
