"""Which documents say the same: a split that parts them would test on what was trained on.

Counted exactly over an inverted index. MinHash LSH Ensemble (Zhu et al. 2016, in datasketch) was tried instead: it missed
three of the contained topics of the Python reference, and each miss is a leak.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from zlib import crc32

from embedtune.records import Document

_WORD = re.compile(r"\w+")
_SHINGLE_WORDS = 5
_MAX_DOCUMENTS = 50  # a shingle in more documents than this is boilerplate, and no evidence of copying


def group_near_duplicates(documents: Sequence[Document], *, containment: float = 0.5) -> list[list[str]]:
    """Group documents that share text.

    Two documents belong together when they are equal, or when at least ``containment`` of the smaller one's five-word
    shingles stand in the other (the containment of Broder 1997), boilerplate left aside.

    Returns:
        Groups of document ids; every document is in exactly one, in the order of the documents.
    """
    shingles = {document.document_id: _shingles(document.text) for document in documents}
    frequency = Counter(shingle for held in shingles.values() for shingle in held)
    parent = {name: name for name in shingles}
    first: dict[str, str] = {}
    for document in documents:
        _join(parent, document.document_id, first.setdefault(document.text, document.document_id))
    sizes: dict[str, int] = {}
    postings: dict[int, list[str]] = {}
    for name, held in shingles.items():
        telling = [shingle for shingle in held if frequency[shingle] <= _MAX_DOCUMENTS]
        sizes[name] = len(telling)
        shared: Counter[str] = Counter()
        for shingle in telling:
            seen = postings.setdefault(shingle, [])
            shared.update(seen)
            seen.append(name)
        for other, count in shared.items():
            if count >= containment * min(sizes[name], sizes[other]):
                _join(parent, name, other)
    groups: dict[str, list[str]] = {}
    for name in parent:
        groups.setdefault(_root(parent, name), []).append(name)
    return list(groups.values())


def _shingles(text: str) -> set[int]:
    words = _WORD.findall(text.lower())
    starts = range(max(1, len(words) - _SHINGLE_WORDS + 1)) if words else ()
    return {crc32(" ".join(words[start : start + _SHINGLE_WORDS]).encode()) for start in starts}


def _join(parent: dict[str, str], name: str, other: str) -> None:
    parent[_root(parent, name)] = _root(parent, other)


def _root(parent: dict[str, str], name: str) -> str:
    while parent[name] != name:
        parent[name] = parent[parent[name]]
        name = parent[name]
    return name
