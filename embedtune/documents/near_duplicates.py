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
_MAX_POSTINGS = 50  # a shingle in more documents than this is boilerplate, and no evidence of copying


def group_near_duplicates(documents: Sequence[Document], *, containment: float = 0.5) -> list[list[str]]:
    """Group documents that share text.

    Two documents belong together when at least ``containment`` of the smaller one's five-word shingles stand in the other
    (the containment of Broder 1997).

    Returns:
        Groups of document ids; every document is in exactly one, in the order of the documents.
    """
    parent = {document.document_id: document.document_id for document in documents}
    sizes: dict[str, int] = {}
    postings: dict[int, list[str]] = {}
    for document in documents:
        shingles = _shingles(document.text)
        sizes[document.document_id] = len(shingles)
        shared: Counter[str] = Counter()
        for shingle in shingles:
            seen = postings.setdefault(shingle, [])
            shared.update(seen)
            if len(seen) < _MAX_POSTINGS:
                seen.append(document.document_id)
        for other, count in shared.items():
            if count >= containment * min(sizes[document.document_id], sizes[other]):
                parent[_root(parent, document.document_id)] = _root(parent, other)
    groups: dict[str, list[str]] = {}
    for name in parent:
        groups.setdefault(_root(parent, name), []).append(name)
    return list(groups.values())


def _shingles(text: str) -> set[int]:
    words = _WORD.findall(text.lower())
    starts = range(max(1, len(words) - _SHINGLE_WORDS + 1)) if words else ()
    return {crc32(" ".join(words[start : start + _SHINGLE_WORDS]).encode()) for start in starts}


def _root(parent: dict[str, str], name: str) -> str:
    while parent[name] != name:
        parent[name] = parent[parent[name]]
        name = parent[name]
    return name
