"""Train, dev and test: parted before any query is made, so that no text stands on both sides."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from embedtune.types import SPLITS, Passage

MIN_GROUPS = 20
_BLOCKS = 20  # contiguous sections, when there are too few documents
_MIN_BLOCK = 3  # passages in a section, so that one is left when the first is given up as a gap


class Split(NamedTuple):
    """Where each passage belongs.

    Attributes:
        of_passage: Passage id → ``train``, ``dev`` or ``test``; passages that were given up are in none.
        unit: ``document`` or ``section``: what was kept together.
    """

    of_passage: dict[str, str]
    unit: str


def split_passages(
    passages: Sequence[Passage],
    groups: Sequence[Sequence[str]],
    same: Mapping[str, int],
    shares: Mapping[str, float],
    seed: int,
) -> Split:
    """Split passages by document, near-duplicate documents together; under 20 groups by contiguous sections.

    A training passage that says the same as one of dev or test is in no split.

    Args:
        passages: In document order, at least one.
        groups: Document ids that belong together; every document is in exactly one.
        same: Passage id → number of its group of near-duplicate passages.
        shares: Wanted share of the passages by split; they sum to 1.
        seed: Another seed draws other documents.
    """
    draw = random.Random(seed)  # noqa: S311 (reproducible on purpose)
    unit = "document" if len(groups) >= MIN_GROUPS else "section"
    of_passage = (
        _by_document(passages, groups, shares, draw) if unit == "document" else _by_section(passages, shares, draw)
    )
    tested = {same[name] for name, split in of_passage.items() if split != "train"}
    kept = {name: split for name, split in of_passage.items() if split != "train" or same[name] not in tested}
    return Split(kept, unit)


def section_bounds(n_passages: int) -> list[int]:
    """Cut passages in a row into contiguous sections of even length; return where each starts, and the end of the last."""
    n_sections = max(1, min(_BLOCKS, n_passages // _MIN_BLOCK))
    return [round(number * n_passages / n_sections) for number in range(n_sections + 1)]


def _by_document(
    passages: Sequence[Passage], groups: Sequence[Sequence[str]], shares: Mapping[str, float], draw: random.Random
) -> dict[str, str]:
    group_of = {document_id: number for number, group in enumerate(groups) for document_id in group}
    members: dict[int, list[str]] = {}
    for passage in passages:
        members.setdefault(group_of[passage.document_id], []).append(passage.passage_id)
    return _deal(list(members.values()), shares, draw)


def _deal(bundles: list[list[str]], shares: Mapping[str, float], draw: random.Random) -> dict[str, str]:
    """Give each bundle to the split that lacks most of its share; bundles too big for dev or test go to train."""
    total = sum(map(len, bundles))
    missing = {split: shares[split] * total for split in SPLITS}
    dealt = {}
    draw.shuffle(bundles)
    for bundle in bundles:
        fitting = [split for split in ("dev", "test") if len(bundle) <= max(1.0, missing[split])]
        split = max(["train", *fitting], key=lambda name: missing[name] / max(shares[name], 1e-9))
        missing[split] -= len(bundle)
        dealt.update(dict.fromkeys(bundle, split))
    return dealt


def _by_section(passages: Sequence[Passage], shares: Mapping[str, float], draw: random.Random) -> dict[str, str]:
    """Cut the passages into contiguous blocks; where the split changes, one passage is left out as a gap."""
    bounds = section_bounds(len(passages))
    blocks = [[str(number)] for number in range(len(bounds) - 1)]
    split_of_block = _deal(blocks, shares, draw)
    of_passage: dict[str, str] = {}
    previous = None
    for number, (start, end) in enumerate(pairwise(bounds)):
        block = passages[start:end]
        split = split_of_block[str(number)]
        gap = int(previous not in (None, split))
        of_passage.update((passage.passage_id, split) for passage in block[gap:])
        previous = split
    return of_passage
