"""Items that come one after the other, in lists of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def in_blocks(
    items: Iterable[Item], n_chars: Callable[[Item], int], *, max_items: int, max_chars: int
) -> Iterator[list[Item]]:
    """Yield items in lists of at most ``max_items`` and ``max_chars``; a longer item is a list of its own."""
    block: list[Item] = []
    held = 0
    for item in items:
        length = n_chars(item)
        if block and (len(block) == max_items or held + length > max_chars):
            yield block
            block, held = [], 0
        block.append(item)
        held += length
    if block:
        yield block
