"""Which passages of a query are judged, and in which order.

Pooling (Spärck Jones & van Rijsbergen 1975; as in TREC, Voorhees & Harman 2005): the first passages of every system are put
together, and a person judges them without being told who found what.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from embedtune.hashing import hash_text


def pool(query_id: str, lists: Iterable[Sequence[str]], depth: int, *, seed: int = 0) -> list[str]:
    """Return the first ``depth`` passages of all lists, each once, in an order that tells nothing.

    The order is that of a hash of seed, query and passage: neither system nor rank has a part in it, and what a further system
    brings does not move the others.

    Args:
        query_id: The query.
        lists: Passage ids, best first, of each system.
        depth: How many of each.
        seed: Another one gives another order.
    """
    found = {name for names in lists for name in names[:depth]}
    return sorted(found, key=lambda name: hash_text(str(seed), query_id, name))
