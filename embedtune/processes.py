"""The processes that torchrun starts for one training: which of them this one is, and what they tell each other.

All do the same work in the same order. Each encodes its share of the texts, and of every batch; only the first writes files and
speaks. Whoever works alone is the first of one, and nothing here costs anything.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import NamedTuple, TypeVar

from embedtune.errors import ConfigError, EmbedtuneError, ResourceError

T = TypeVar("T")

_PATIENCE = timedelta(hours=2)  # the others wait while the first saves the model; one that died is noticed at once
_LOST = re.compile(r"connection (was )?(closed|reset|refused)|broken pipe|remote process|gloo|nccl", re.IGNORECASE)
_BY_HAND = "start the command with torchrun, or unset TORCHELASTIC_RUN_ID"
_together = False


class Place(NamedTuple):
    """The number of this process, from 0, and how many there are."""

    rank: int
    size: int


def launched() -> Place:
    """Return the place of this process among those that torchrun started.

    Raises:
        ConfigError: If the environment has what torchrun never sets.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return Place(0, 1)
    place = Place(_number("RANK"), _number("WORLD_SIZE"))
    if place.rank >= place.size:
        raise ConfigError(f"RANK: expected a number below WORLD_SIZE, {place.size}, found {place.rank}", hint=_BY_HAND)
    return place


def _number(name: str) -> int:
    text = os.environ.get(name, "")
    if not re.fullmatch(r"[0-9]{1,6}", text):
        raise ConfigError(f"{name}: expected the number that torchrun sets, found {text!r:.80}", hint=_BY_HAND)
    return int(text)


def is_first() -> bool:
    """Return whether this process writes and speaks for all."""
    return launched().rank == 0


def here() -> Place:
    """Return the place of this process among those that work together now, see ``together``."""
    return launched() if _together else Place(0, 1)


@contextmanager
def together() -> Iterator[None]:
    """Work with the other processes within the block; also a decorator.

    Raises:
        ResourceError: If another one ends before the work does.
    """
    global _together  # noqa: PLW0603 (as the process group is torch's)
    place = launched()
    if place.size == 1 or _together:
        yield
        return
    _join()
    _together = True
    try:
        yield
    except RuntimeError as error:
        if not _LOST.search(str(error)):
            raise
        raise ResourceError(
            f"process {place.rank} of {place.size}: expected the others to work on, found that one has ended",
            hint="see what it said last; the same command goes on from the last checkpoint",
        ) from error
    finally:
        _together = False
        _leave()


def _join() -> None:
    """Start torch's process group, on the accelerator of this process if there is one."""
    import torch
    from torch import distributed

    if distributed.is_initialized():
        return
    backend = "gloo"  # of tensors on CPUs
    if torch.cuda.is_available():
        torch.cuda.set_device(_number("LOCAL_RANK"))
        backend = "cpu:gloo,cuda:nccl"
    distributed.init_process_group(backend, timeout=_PATIENCE)


def _leave() -> None:
    from torch import distributed

    if distributed.is_initialized():
        distributed.destroy_process_group()


def demand_first(what: str) -> None:
    """Refuse what one process alone may do in any other that torchrun started.

    Raises:
        ConfigError: If this is another one.
    """
    place = launched()
    if place.rank and not _together:
        raise ConfigError(
            f"{what}: expected one process, found number {place.rank} of {place.size} that torchrun started",
            hint="torchrun is for embedtune train; give every other command without it",
        )


def from_first(compute: Callable[[], T]) -> T:
    """Return in every process what the first one computes; an error of ours that it raises is raised in all."""
    if here().size == 1:
        return compute()
    from torch import distributed

    told: list[tuple[T | None, EmbedtuneError | None]] = [(None, None)]
    if is_first():
        try:
            told = [(compute(), None)]
        except EmbedtuneError as error:
            told = [(None, error)]
    distributed.broadcast_object_list(told, src=0)
    result, problem = told[0]
    if problem is not None:
        raise problem
    return result  # type: ignore[return-value]


def gather(value: T) -> list[T]:
    """Return the values of all processes, in their order."""
    place = here()
    if place.size == 1:
        return [value]
    from torch import distributed

    values: list[T | None] = [None] * place.size
    distributed.all_gather_object(values, value)
    return values  # type: ignore[return-value]


def share(rows: Sequence[T], place: Place) -> Sequence[T]:
    """Return the rows of one process: as many as any other's or one more, in their order.

    Examples:
        >>> [share("abcde", Place(rank, 2)) for rank in range(2)]
        ['ab', 'cde']
    """
    n, (rank, size) = len(rows), place
    return rows[rank * n // size : (rank + 1) * n // size]
