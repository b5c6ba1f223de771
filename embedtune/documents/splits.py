"""Train, dev and test: split by document before any query is made, so that no text is on both sides."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import NamedTuple

from embedtune.documents.near_duplicates import group_near_duplicates, same_passages
from embedtune.errors import ConfigError, DataError
from embedtune.types import SPLITS, Document, Passage, QuerySet

SHARES: Mapping[str, float] = MappingProxyType({"train": 0.8, "dev": 0.1, "test": 0.1})
MIN_GROUPS = 20
_TEST_GROUPS, _DEV_GROUPS = 12, 6  # a verdict needs six clusters, and decides little with fewer than twice as many
_LARGEST_TEST, _LARGEST_DEV = 0.3, 0.2
_BLOCKS = 20  # contiguous sections, when there are too few documents
_MIN_BLOCK = 3  # passages in a section, so that one is left when the first is dropped as a gap


class Split(NamedTuple):
    """The split of each passage.

    Attributes:
        of_passage: Passage id → ``train``, ``dev`` or ``test``; dropped passages are in none.
        unit: ``document`` or ``section``: the unit that was kept together.
    """

    of_passage: dict[str, str]
    unit: str


def shares_for(n_groups: int) -> dict[str, float]:
    """Return the usual shares, and of few groups of documents more for test and dev, so that they can decide something.

    Examples:
        >>> shares_for(200)
        {'train': 0.8, 'dev': 0.1, 'test': 0.1}
        >>> {name: round(share, 2) for name, share in shares_for(42).items()}
        {'train': 0.57, 'dev': 0.14, 'test': 0.29}
    """
    if n_groups < MIN_GROUPS:  # sections are split, and there are enough of those
        return dict(SHARES)
    test = min(_LARGEST_TEST, max(SHARES["test"], _TEST_GROUPS / n_groups))
    dev = min(_LARGEST_DEV, max(SHARES["dev"], _DEV_GROUPS / n_groups))
    return {"train": round(1 - test - dev, 9), "dev": dev, "test": test}


def split_by_document(passages: Sequence[Passage], shares: Mapping[str, float] = SHARES, seed: int = 0) -> Split:
    """Split passages so that no document, nor a near-duplicate of one, is in two splits.

    Documents belong together when half of the smaller one's five-word shingles are in the other. Under 20 groups of documents
    are too few; then contiguous sections of the corpus are split, with a passage left out between two splits. A
    training passage that is a near-duplicate of one of dev or test is in no split.

    Args:
        passages: In document order, at least one; documents are compared by the texts of their passages.
        shares: Share of the passages of ``train``, ``dev`` and ``test``, 0 to 1; together 1.
        seed: Another seed gives another split.

    Raises:
        DataError: If there is no passage.
        ConfigError: If the shares do not name the three splits or do not sum to 1.

    Examples:
        >>> from embedtune.types import Passage
        >>> texts = [f"Pump {number} of hall {number % 7} runs {number * number} hours." for number in range(40)]
        >>> passages = [Passage(f"p{n}", f"d{n}", "", text, 0, len(text)) for n, text in enumerate(texts)]
        >>> split = split_by_document(passages, {"train": 0.5, "dev": 0.25, "test": 0.25})
        >>> split.unit, sorted(set(split.of_passage.values()))
        ('document', ['dev', 'test', 'train'])
    """
    if not passages:
        raise DataError("passages: expected at least one, found none")
    if set(shares) != set(SPLITS) or abs(sum(shares.values()) - 1) > 1e-6:
        raise ConfigError(f"shares: expected shares of {', '.join(SPLITS)} that sum to 1, found {dict(shares)}")
    groups = group_near_duplicates(join_by_document(passages))
    return split_passages(passages, groups, same_passages(passages), shares, seed)


ENOUGH_JUDGED = 20
"""Judged queries of a split from which on they alone decide, in training and on dev; beside fewer, synthetic ones count too."""


def draw_for_dev(train: QuerySet, dev: QuerySet, seed: int) -> tuple[QuerySet, QuerySet]:
    """Move labelled train queries, drawn at random, to dev: as many as it has, at most a tenth of them.

    A dev split by document shows what is gained on documents that no label names; drawn queries show what is gained where
    people ask for labelled passages again. Methods differ in this by ten points and more (docs/log.md), and nobody knows what
    users will ask, so dev has both.
    """
    labelled = [query.query_id for query in train.queries if query.came_with_label]
    n = min(len(dev.queries), len(labelled) // 10)
    drawn = set(random.Random(seed).sample(labelled, n))  # noqa: S311 (reproducible on purpose)
    moved = train.subset(query for query in train.queries if query.query_id in drawn)
    left = train.subset(query for query in train.queries if query.query_id not in drawn)
    return left, QuerySet(dev.name, [*dev.queries, *moved.queries], {**dev.qrels, **moved.qrels}, dev.judged_unit)


def join_by_document(passages: Iterable[Passage]) -> Iterator[Document]:
    """Yield the text that some passages have of each document, to compare documents by."""
    texts: dict[str, list[str]] = {}
    for passage in passages:
        texts.setdefault(passage.document_id, []).append(passage.text)
    return (Document(name, "", "\n\n".join(parts)) for name, parts in texts.items())


def split_passages(
    passages: Sequence[Passage],
    groups: Sequence[Sequence[str]],
    same: Mapping[str, int],
    shares: Mapping[str, float],
    seed: int,
) -> Split:
    """Split passages by groups of document ids; if there are under 20 groups, by contiguous sections.

    A training passage that is a near-duplicate of one of dev or test, by its number in ``same``, is in no split.
    """
    draw = random.Random(seed)  # noqa: S311 (reproducible on purpose)
    unit = "document" if len(groups) >= MIN_GROUPS else "section"
    if unit == "section":
        of_passage = _by_section(passages, shares, draw)
    else:
        group_of = {document_id: number for number, group in enumerate(groups) for document_id in group}
        members: dict[int, list[str]] = {}
        for passage in passages:
            members.setdefault(group_of[passage.document_id], []).append(passage.passage_id)
        of_passage = _deal(list(members.values()), shares, draw)
    tested = {same[name] for name, split in of_passage.items() if split != "train"}
    kept = {name: split for name, split in of_passage.items() if split != "train" or same[name] not in tested}
    return Split(kept, unit)


def section_bounds(n_passages: int) -> list[int]:
    """Cut passages in a row into contiguous sections of even length; return where each starts, and the end of the last."""
    n_sections = max(1, min(_BLOCKS, n_passages // _MIN_BLOCK))
    return [round(number * n_passages / n_sections) for number in range(n_sections + 1)]


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
        split = split_of_block[str(number)]
        gap = previous not in (None, split)
        of_passage.update((passage.passage_id, split) for passage in passages[start + gap : end])
        previous = split
    return of_passage
