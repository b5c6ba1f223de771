"""Which pairs share a batch."""

from __future__ import annotations

import random
from collections.abc import Hashable, Iterator, Sequence

_BUCKET = 16  # batches whose rows are sorted by length together


def make_batches(keys: Sequence[frozenset[Hashable]], batch_size: int, seed: int) -> list[list[int]]:
    """Deal rows into batches in which no two rows share a key; the last, smaller batch is dropped.

    Every full batch has exactly ``batch_size`` rows, so the number of negatives never changes. Rows that find no place in
    the last batches are left out of this epoch.

    Args:
        keys: Of each row, see ``conflict_keys``.
        batch_size: Rows in a batch.
        seed: Another seed deals another order.
    """
    order = list(range(len(keys)))
    random.Random(seed).shuffle(order)  # noqa: S311 (reproducible on purpose)
    batches = []
    waiting = order
    while len(waiting) >= batch_size:
        batch: list[int] = []
        rest: list[int] = []
        in_batch: set[Hashable] = set()
        for position, row in enumerate(waiting):
            if len(batch) == batch_size:
                rest += waiting[position:]
                break
            if in_batch.isdisjoint(keys[row]):
                batch.append(row)
                in_batch |= keys[row]
            else:
                rest.append(row)
        if len(batch) < batch_size:
            break
        batches.append(batch)
        waiting = rest
    return batches


class BatchPlan:
    """All batches of all epochs, known before training; torch takes it as a batch sampler."""

    def __init__(self, batches: Sequence[Sequence[int]]) -> None:
        """Take the batches in the order of training."""
        self._batches = batches

    def __iter__(self) -> Iterator[list[int]]:
        """Yield row numbers, batch by batch."""
        return iter([list(batch) for batch in self._batches])

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self._batches)


def plan_epochs(keys: Sequence[frozenset[Hashable]], batch_size: int, n_steps: int, seed: int) -> list[list[int]]:
    """Return ``n_steps`` batches, epoch after epoch, each epoch in another order.

    Returns an empty list when not even one batch can be filled without a conflict.
    """
    batches: list[list[int]] = []
    epoch = 0
    while len(batches) < n_steps:
        fresh = make_batches(keys, batch_size, seed + epoch)
        if not fresh:
            break
        batches += fresh
        epoch += 1
    return batches[:n_steps]


def plan_rows(lengths: Sequence[int], batch_size: int, epochs: int, seed: int) -> list[list[int]]:
    """Deal rows that need no distance from each other into full batches, epoch after epoch.

    Rows of similar length share a batch where that costs little chance: padding costs as much as text. The last rows of an
    epoch that fill no batch are left out of it.

    Args:
        lengths: Of each row's text.
        batch_size: Rows in a batch, at most all of them.
        epochs: Passes over the rows.
        seed: Another seed deals another order.
    """
    draw = random.Random(seed)  # noqa: S311 (reproducible on purpose)
    planned = []
    for _ in range(epochs):
        order = list(range(len(lengths)))
        draw.shuffle(order)
        batches: list[list[int]] = []
        for start in range(0, len(order), _BUCKET * batch_size):
            bucket = sorted(order[start : start + _BUCKET * batch_size], key=lambda row: lengths[row])
            batches += [bucket[first : first + batch_size] for first in range(0, len(bucket), batch_size)]
        batches = [batch for batch in batches if len(batch) == batch_size]
        draw.shuffle(batches)
        planned += batches
    return planned
