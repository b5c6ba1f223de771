"""Search every pattern of the package for texts on which it takes more than linear time.

    python -m tests.repo.slow_patterns [--size 40000]

A pattern is tried on repeated pieces, with something before and behind them, at one size and at a quarter of it.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import pkgutil
import re
import signal
import time
from collections.abc import Iterator

import embedtune

PIECES = (
    " ", "\t", "\n", " \n", "\r\n", "a", "a ", "A", "ab.", "1", "1. ", "1.", "1 ", "- ", "-", "–", "*", "**", "* a", "_", "#", "# ", "`", "```", "~", ":", ": ", "=",
    "=-", "(", "((", "[", "[a](", "{", "{\"", "<", "<a", "<a ", "</", "<think>", "</think>", "&", "&a", "@", "a@", "a.", "/", "//", "http:", "\"", "'", "\\", "|", "a|", ",",
    ";", "?", "!", ".", "..", "…", "q", "q ", "query ", "0", "0,", "e-", "é", "ü", "一", "。", "のn", "ä ö", "\u00a0", "\u200b", "x-", "a-", "a'", "a_", "AB", "Ab", "aA", "a1", "$", "%", "^a",
)  # fmt: skip
AROUND = (("", ""), ("a", "a"), ("# a", "\x00"), ("<a", "!"), ("query", "x"), ("\n", "\n\n"))
_SECONDS = 0.5  # after which a search is called off
_NOTICED = 0.01


class _TooLongError(Exception):
    pass


def patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Yield every pattern of text that a module of the package holds, by name."""
    seen: set[int] = set()
    for info in pkgutil.walk_packages(embedtune.__path__, "embedtune."):
        if info.name.endswith("__main__"):
            continue
        try:
            module = importlib.import_module(info.name)
        except Exception:
            continue
        for name, value in vars(module).items():
            for number, each in enumerate(_flat(value)):
                if isinstance(each.pattern, str) and id(each) not in seen:
                    seen.add(id(each))
                    yield f"{info.name}.{name}[{number}]", each


def _flat(value: object) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _flat(each)
    elif isinstance(value, tuple | list | frozenset | set):
        for each in value:
            yield from _flat(each)


def seconds(pattern: re.Pattern[str], text: str) -> float:
    """Return the time of finding all matches in a text; `_SECONDS` where it takes longer."""

    def stop(*_: object) -> None:
        raise _TooLongError

    signal.signal(signal.SIGALRM, stop)
    started = time.perf_counter()
    signal.setitimer(signal.ITIMER_REAL, _SECONDS)
    try:
        sum(1 for _ in pattern.finditer(text))
    except _TooLongError:
        return _SECONDS
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return time.perf_counter() - started


def slow(pattern: re.Pattern[str], size: int, every: int = 1) -> str | None:
    """Return what takes a pattern more than linear time, or None; ``every`` leaves out texts."""
    for piece, (before, behind) in itertools.islice(itertools.product(PIECES, AROUND), 0, None, every):
        long = before + piece * (size // len(piece)) + behind
        if (
            min(seconds(pattern, long) for _ in range(2)) < _NOTICED
        ):  # no linear search of so few characters takes longer
            continue
        short = before + piece * (size // 4 // len(piece)) + behind
        last, first = (min(seconds(pattern, text) for _ in range(9)) for text in (long, short))
        if last >= _SECONDS or last > max(_NOTICED, 2 * 4 * first):
            return f"{before!r} + {piece!r} × n + {behind!r}: {last:.3f} s for {size:,} characters"
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=4_000)
    size = parser.parse_args().size
    for name, pattern in patterns():
        if found := slow(pattern, size):
            print(f"{name}: {found}", flush=True)


if __name__ == "__main__":
    main()
