"""Where a stage maps a function over files, documents or texts: in this process, in torchrun's, or by workers elsewhere.

A stage says how a worker loads the function, and which one this process has already; ``mapped`` chooses. Which workers there
are is no setting of a run: its bytes are the same without them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Protocol, TypeVar

from embedtune.processes import gather, here

S = TypeVar("S")
T = TypeVar("T")

Load = Callable[[], Callable[[S], T]]
"""Returns the function that is mapped, with all that it needs; it can be pickled, and is called once in each worker."""

_AHEAD = 2  # items of each worker that are begun, or wait to be taken; they are in memory
_workers: Workers | None = None


class Workers(Protocol):
    """Processes that map functions over items, on this machine or on others.

    Attributes:
        size: How many there are, when all are well.
    """

    size: int

    def submit(self, load: Load[S, T], item: S) -> Future[T]:
        """Begin with an item; the result has what the function returns, or awaits, or raises.

        A worker that dies is replaced, and what it was at is done again.
        """
        ...


def workers() -> Workers | None:
    """Return the workers in use; None means that this process does the work."""
    return _workers


@contextmanager
def using(given: Workers) -> Iterator[None]:
    """Let these workers do the work of all stages within the block."""
    global _workers  # noqa: PLW0603 (as the cluster is Ray's)
    before, _workers = _workers, given
    try:
        yield
    finally:
        _workers = before


def mapped(
    load: Load[S, T] | None, own: Callable[[S], T], items: Iterable[S], on_item: Callable[[S], None] = lambda _: None
) -> Iterator[T]:
    """Yield what a function makes of each item, in the order of the items; few are begun before they are taken.

    Args:
        load: How a worker gets the function; None where no other process can have it.
        own: The function in this process.
        items: Torchrun's processes share those of a list; every process gets all results.
        on_item: Called with each item that is done or left to another process.
    """
    found = _workers
    if load is not None and found is not None:
        given: deque[S] = deque()

        def begun() -> Iterator[Callable[[], T]]:
            for item in items:
                given.append(item)
                yield found.submit(load, item).result

        for result in in_order(begun(), found.size * _AHEAD):
            yield result
            on_item(given.popleft())
        return
    rank, size = here()
    if size == 1:
        for item in items:
            yield own(item)
            on_item(item)
        return
    done, number = [], -1
    for number, item in enumerate(items):
        if number % size == rank:
            done.append(own(item))
        on_item(item)
    of_all = gather(done)
    yield from (of_all[each % size][each // size] for each in range(number + 1))


def in_order(begun: Iterable[Callable[[], T]], ahead: int) -> Iterator[T]:
    """Yield the results in order; items are begun while this is iterated, and at most ``ahead`` wait to be taken."""
    waiting: deque[Callable[[], T]] = deque()
    for result in begun:
        waiting.append(result)
        if len(waiting) > ahead:
            yield waiting.popleft()()
    while waiting:
        yield waiting.popleft()()
