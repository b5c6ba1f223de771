"""The child of ``sandbox``: takes one request after the other from stdin and answers on stdout, until stdin ends."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from embedtune.documents.limits import MEGABYTE, ReadingLimits
from embedtune.documents.readers import OUT_OF_MEMORY, read_with
from embedtune.errors import ConfigError
from embedtune.types import Document, Skipped

_GRACE_S = 5.0


def main() -> None:
    """Serve requests under the limits given as the only argument."""
    limits = ReadingLimits(**json.loads(sys.argv[1]))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # Whatever a library prints must not mix with the answers.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    _limit_memory(limits.memory_mb)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        _limit_time(limits.timeout_s + _GRACE_S)
        path = Path(os.fsdecode(bytes.fromhex(request["path"])))
        try:
            answer = _answer(read_with(request["function"], path, request["name"], limits), limits)
        except ConfigError as error:
            answer = json.dumps({"config_error": error.args[0], "hint": error.hint}).encode()
        _limit_time(0)
        answers.write(answer + b"\n")
        answers.flush()


def _answer(record: Document | Skipped, limits: ReadingLimits) -> bytes:
    try:
        return json.dumps(record._asdict()).encode()
    except MemoryError:
        return json.dumps(_too_much(record.document_id, limits)._asdict()).encode()


def _too_much(name: str, limits: ReadingLimits) -> Skipped:
    return Skipped(name, f"{OUT_OF_MEMORY} than {limits.memory_mb:,} MB")


def _limit_memory(megabytes: int) -> None:
    """Bound the address space, and leave no core dumps; on Windows there is no such limit."""
    try:
        import resource
    except ImportError:
        return
    for kind, bound in ((resource.RLIMIT_AS, megabytes * MEGABYTE), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(kind)
        soft = bound if hard == resource.RLIM_INFINITY else min(bound, hard)
        try:
            resource.setrlimit(kind, (soft, hard))
        except (OSError, ValueError):  # macOS refuses to bound the address space
            continue


def _limit_time(seconds: float) -> None:
    """Die after that time, should the parent be gone and nobody end this; 0 takes the limit off."""
    try:
        from signal import ITIMER_REAL, setitimer
    except ImportError:
        return
    setitimer(ITIMER_REAL, seconds)


if __name__ == "__main__":
    main()
