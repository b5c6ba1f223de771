"""Filters of extractive queries; each counts the queries that it drops."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from embedtune.synthesis.extractive import Draft, is_readable
from embedtune.synthesis.statistics import CorpusStatistics
from embedtune.text.dedup import term_set

RanksOfSources = Callable[[Sequence[Draft]], Sequence[int]]
"""Rank from 1 of each draft's passage, or of a near-duplicate of it, in a search for the draft."""

MAX_CHARS = 300
_BOILERPLATE = 3  # passages that give the same query
ROUND_TRIP = 20
"""Largest rank of its source in a search for a query."""


def filter_drafts(
    drafts: Sequence[Draft], statistics: CorpusStatistics, ranks: RanksOfSources
) -> tuple[list[Draft], dict[str, int]]:
    """Drop drafts that are useless for training and testing; return the others, and the number that each filter dropped.

    The filters in order: ``not_language`` (cells of tables, code, markup, numbers), ``boilerplate`` (the same words in three
    passages or more), ``duplicate``, ``fits_anywhere`` (no rare term), ``round_trip`` (its passage is not among the first
    twenty of a search).
    """
    dropped = dict.fromkeys(("not_language", "boilerplate", "duplicate", "fits_anywhere", "round_trip"), 0)
    sources: dict[frozenset[str], set[str]] = {}
    keys = [term_set(draft.text) for draft in drafts]  # the same terms in any order are the same query
    for draft, key in zip(drafts, keys, strict=True):
        sources.setdefault(key, set()).add(draft.passage_id)
    kept, seen = [], set()
    for draft, key in zip(drafts, keys, strict=True):
        reason = _fault(draft, len(sources[key]), key in seen, statistics)
        if reason:
            dropped[reason] += 1
        else:
            seen.add(key)
            kept.append(draft)
    retrieved = [draft for draft, rank in zip(kept, ranks(kept), strict=True) if rank <= ROUND_TRIP]
    dropped["round_trip"] = len(kept) - len(retrieved)
    return retrieved, dropped


def _fault(draft: Draft, n_sources: int, seen: bool, statistics: CorpusStatistics) -> str | None:
    if not is_readable(draft.text) or len(draft.text) > MAX_CHARS:
        return "not_language"
    if n_sources >= _BOILERPLATE and draft.kind != "heading":
        return "boilerplate"
    if seen and draft.kind != "heading":
        return "duplicate"
    return "fits_anywhere" if statistics.is_generic(draft.text) else None
