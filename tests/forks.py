"""Functions in several processes at once that work together as those of torchrun do; forks, because the libraries are loaded."""

from __future__ import annotations

import multiprocessing
import os
import socket
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any


def environment(rank: int, size: int, port: int) -> dict[str, str]:
    """Return what torchrun tells a process."""
    own = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size, "MASTER_PORT": port}
    return {
        "TORCHELASTIC_RUN_ID": "test",
        "MASTER_ADDR": "127.0.0.1",
        **{name: str(value) for name, value in own.items()},
    }


def in_forks(size: int, function: Callable[[], Any]) -> list[Any]:
    """Return what a function returns in each of so many processes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    context = multiprocessing.get_context("fork")
    pipes = [context.Pipe(duplex=False) for _ in range(size)]
    started = [
        context.Process(target=_run, args=(function, environment(rank, size, port), there))
        for rank, (_, there) in enumerate(pipes)
    ]
    for process in started:
        process.start()
    results = []
    for process, (here, there) in zip(started, pipes, strict=True):
        there.close()
        results.append(here.recv())
        process.join()
    if problems := [result.args[0] for result in results if isinstance(result, ChildFailedError)]:
        raise AssertionError("\n".join(problems))
    return results


class ChildFailedError(Exception):
    """What went wrong in a fork."""


def _run(function: Callable[[], Any], variables: dict[str, str], there: Connection) -> None:
    from accelerate.state import AcceleratorState

    os.environ.update(variables)
    AcceleratorState._reset_state(reset_partial_state=True)  # what a training before the fork left
    try:
        result = function()
    except BaseException:
        result = ChildFailedError(traceback.format_exc())
    there.send(result)
    there.close()
    os._exit(0)
