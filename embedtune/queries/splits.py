"""Train, dev and test: parted before any query is made, so that no text stands on both sides."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from embedtune.records import SPLITS, Passage

MIN_GROUPS = 20
_BLOCKS = 20  # contiguous sections, when there are too few documents


class Split(NamedTuple):
    """Where each passage belongs.

    Attributes:
        of_passage: Passage id → ``train``, ``dev`` or ``test``; passages between two sections are in none.
        unit: ``document`` or ``section``: what was kept together.
    """

    of_passage: dict[str, str]
    unit: str


def split_passages(
    passages: Sequence[Passage], groups: Sequence[Sequence[str]], shares: Mapping[str, float], seed: int
) -> Split:
    """Split passages by document, near-duplicate documents together; under 20 groups by contiguous sections.

    Args:
        passages: In document order.
        groups: Document ids that belong together; every document is in exactly one.
        shares: Wanted share of the passages by split; they sum to 1.
        seed: Another seed draws other documents.
    """
    draw = random.Random(seed)  # noqa: S311 (reproducible on purpose)
    if len(groups) < MIN_GROUPS:
        return Split(_by_section(passages, shares, draw), "section")
    group_of = {document_id: number for number, group in enumerate(groups) for document_id in group}
    members: dict[int, list[str]] = {}
    for passage in passages:
        members.setdefault(group_of[passage.document_id], []).append(passage.passage_id)
    return Split(_deal(list(members.values()), shares, draw), "document")


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
    n_blocks = min(_BLOCKS, len(passages))
    bounds = [round(number * len(passages) / n_blocks) for number in range(n_blocks + 1)]
    blocks = [[str(number)] for number in range(n_blocks)]
    split_of_block = _deal(blocks, shares, draw)
    of_passage: dict[str, str] = {}
    previous = None
    for number in range(n_blocks):
        block = passages[bounds[number] : bounds[number + 1]]
        split = split_of_block[str(number)]
        gap = previous not in (None, split) and len(block) > 1
        of_passage.update((passage.passage_id, split) for passage in block[int(gap) :])
        previous = split
    return of_passage
