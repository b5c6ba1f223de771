"""Retrieval measures, by ir_measures: any of its measures can be asked for by name.

``nDCG@10``, ``P@5``, ``AP``, ``RR@10``, ``Success@1``, ``R@100`` and the rest are spelled as on https://ir-measur.es; the names
that leaderboards of embedding models use (``ndcg@10``, ``mrr@10``, ``hit_rate@5``, ``recall@100``, ``precision@5``, ``map``)
are aliases of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any

from embedtune.errors import ConfigError
from embedtune.types import Qrels, Run

PerQuery = dict[str, dict[str, float]]
"""Measure → query id → value."""

ALIASES = {
    "hit_rate": "Success",
    "mrr": "RR",
    "ndcg": "nDCG",
    "recall": "R",
    "precision": "P",
    "map": "AP",
}
"""Our names and those of ir_measures, without the cutoff. The hit rate is trec_eval's success: 1 if any relevant passage is
among the first k. ``recall@k`` is the share of the relevant passages that are among the first k."""

MEASURES = ("hit_rate@1", "hit_rate@3", "hit_rate@5", "hit_rate@10", "mrr@10", "ndcg@10", "recall@100")
"""The measures that every evaluation reports."""

SHOWN = ("hit_rate@1", "hit_rate@5", "hit_rate@10", "mrr@10", "ndcg@10", "recall@100")
"""Those that tables for people show."""

_CUTOFF = re.compile(r"@\d+$")


@cache
def parse_measure(name: str) -> Any:
    """Return the measure of ir_measures that a name stands for, or raise ``ConfigError`` where it cannot be computed here."""
    import ir_measures

    stem, _, cutoff = name.partition("@")
    try:
        measure = ir_measures.parse_measure(f"{ALIASES[stem]}@{cutoff}".rstrip("@") if stem in ALIASES else name)
    except (NameError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"measures: expected a measure of ir_measures, found {name!r}{_suggestion(name)}",
            hint="for example ndcg@10, P@5, AP; https://ir-measur.es lists them all",
        ) from error
    if not ir_measures.DefaultPipeline.supports(measure):
        raise ConfigError(
            f"measures: expected a measure that ir_measures can compute here, found {name!r}",
            hint="a required parameter or an optional package of ir_measures is missing, see https://ir-measur.es",
        )
    return measure


def check_measures(names: Iterable[str], depth: int | None = None) -> None:
    """Raise ``ConfigError`` for the first measure that runs of a depth cannot give: what is beyond it would count as missed."""
    for name in names:
        cutoff = getattr(parse_measure(name), "params", {}).get("cutoff")
        if depth is not None and cutoff is not None and cutoff > depth:
            raise ConfigError(
                f"measures: expected a cutoff of at most {depth}, the depth of the runs, found {name!r}",
                hint=f"set depth to {cutoff} or more",
            )


def per_query(qrels: Qrels, run: Run, measures: Sequence[str] = MEASURES) -> PerQuery:
    """Score each judged query; one that the run misses, or without a relevant passage, counts 0.

    Ties are broken as ir_measures has it: by falling id (trec_eval's rule), for mrr@10 by rising id.

    Args:
        qrels: Query id → passage or document id → grade; a negative one (TREC's spam) counts as 0.
        run: Query id → passage or document id → score.
        measures: Names of measures, as ir_measures or ``ALIASES`` spells them.

    Returns:
        Measure → query id → value, queries in the order of the qrels.

    Raises:
        ConfigError: If a measure is unknown.
    """
    import ir_measures

    names: dict[Any, list[str]] = {}
    for name in dict.fromkeys(measures):
        names.setdefault(parse_measure(name), []).append(name)
    values = {name: dict.fromkeys(qrels, 0.0) for name in measures}
    # pytrec_eval ends the process where the highest grade of a query is -2.
    clipped = {query: {unit: max(0, grade) for unit, grade in grades.items()} for query, grades in qrels.items()}
    for metric in ir_measures.iter_calc(list(names), clipped, run):
        for name in names[metric.measure]:
            if metric.query_id in values[name]:
                values[name][metric.query_id] = metric.value
    return values


def means(values: PerQuery) -> dict[str, float]:
    """Average each measure over the judged queries; 0 when there are none."""
    return {name: sum(scores.values()) / max(1, len(scores)) for name, scores in values.items()}


def _suggestion(name: str) -> str:
    """Suggest the measure that was probably meant, with the cutoff that was given."""
    from ir_measures import measures

    stem = name.partition("@")[0].lower()
    known = {key.lower(): key for key in [*measures.registry, *ALIASES]}
    close = get_close_matches(stem, known, n=1)
    cutoff = found.group() if (found := _CUTOFF.search(name)) else ""
    return f"; did you mean {known[close[0]] + cutoff!r}?" if close else ""


def shown_measures(systems: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return the columns of a table of systems: ``SHOWN``, then the measures that were asked for besides."""
    return [*SHOWN, *(name for name in next(iter(systems.values())) if name not in MEASURES)]
