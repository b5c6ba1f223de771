"""What all benchmarks share: cells that are measured once and kept, and a table for people beside its JSON for programs."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from embedtune.cli.options import set_up_logging
from embedtune.project.manifest import library_versions, write_json

HERE = Path(__file__).parent
CACHE = HERE / "cache"
MACHINE = f"{platform.machine()}, {os.cpu_count()} cores, no GPU"


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser whose help is a benchmark's docstring, and turn on our log."""
    set_up_logging(quiet=False, verbose=False)
    return argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)


def read_json(path: Path, otherwise: Any = None) -> Any:
    """Return what a file holds, or another value where there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else otherwise


def cached(path: Path, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the cell in a file; measure and keep it if it is not there. A file is whole or absent."""
    if not path.is_file():
        value = measure()
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        write_json(part, value)
        part.rename(path)
    cell: dict[str, Any] = read_json(path)
    return cell


def write_table(name: str, result: Mapping[str, Any], lines: Sequence[str], machine: str = MACHINE) -> str:
    """Write ``NAME.json`` with the machine and the versions of the libraries, and ``NAME.md``; return the latter's text."""
    write_json(
        HERE / f"{name}.json", {"schema_version": 1, "machine": machine, "versions": library_versions(), **result}
    )
    text = "\n".join(lines) + "\n"
    (HERE / f"{name}.md").write_text(text, encoding="utf-8")
    return text


def row(*cells: object) -> str:
    """Return a line of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |".replace("|  |", "| |")


def header(*columns: str) -> list[str]:
    """Return the first two lines of a Markdown table."""
    return [row(*columns), "|---" * len(columns) + "|"]


def spread(values: Sequence[float], digits: int = 3, sign: str = "") -> str:
    """Return ``mean ± standard deviation``; a dash where there is nothing, the value alone where there is one."""
    if not values:
        return "–"
    mean = f"{statistics.mean(values):{sign}.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean
