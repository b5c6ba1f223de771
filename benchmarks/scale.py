"""What ``embedtune generate`` costs as the corpus grows: seconds, and the peak memory of the whole process tree.

    python -m benchmarks.scale                                    # every cell of the table that is not measured yet
    python -m benchmarks.scale --only text:1000MB files:100000    # these
    python -m benchmarks.scale --only rows:100000 --again         # measured before or not
    python -m benchmarks.scale --demo                             # exit code 1 if the demo takes more than README says

files:N is a folder of so many small .txt files, rows:N a BEIR folder of small documents, text:NMB one .txt file of that size.
The words are drawn by Zipf's law, one document in twenty repeats the one before; everything is deleted at the end. Each cell is
kept in benchmarks/scale.json as soon as it is measured; scale.md is the table of all. TMPDIR needs five times the text's size.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import psutil

from benchmarks.tables import HERE, header, parser, read_json, row
from embedtune.project.manifest import library_versions, write_json

_VOCABULARY = 100_000
_COPIES = 0.05
_EVERY_S = 0.1
_MIB = 1 << 20
DEMO_MIB = 4096
"""README says that 4 GiB are enough, child processes included."""

_SYLLABLES = ("ba", "den", "fo", "gri", "hu", "ka", "lem", "mi", "nor", "pa", "ri", "sto", "ta", "ul", "ver", "zi")


def texts(seed: int = 0) -> Iterator[str]:
    """Yield short texts without end: one or two sentences of made-up words."""
    draw = random.Random(seed)  # noqa: S311 (reproducible on purpose)
    words = [_word(number) for number in range(_VOCABULARY)]
    weights = list(accumulate(1 / (rank + 3) for rank in range(_VOCABULARY)))
    text = ""
    while True:
        if text and draw.random() < _COPIES:
            text = f"{text} Again."
        else:
            text = " ".join(_sentence(draw, words, weights) for _ in range(draw.randint(1, 2)))
        yield text


def _word(number: int) -> str:
    rest, syllable = divmod(number, len(_SYLLABLES))
    return _SYLLABLES[syllable] + (_word(rest) if rest else "")


def _sentence(draw: random.Random, words: list[str], weights: list[float]) -> str:
    return " ".join(draw.choices(words, cum_weights=weights, k=draw.randint(8, 20))).capitalize() + "."


def make_folder(folder: Path, size: int) -> None:
    """Write that many .txt files, a thousand to a folder."""
    for number, text in zip(range(size), texts(), strict=False):
        path = folder / f"{number // 1000:04}" / f"{number:07}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")


def make_rows(folder: Path, size: int) -> None:
    """Write a BEIR corpus of that many documents."""
    folder.mkdir(parents=True)
    with (folder / "corpus.jsonl").open("w", encoding="utf-8") as file:
        for number, text in zip(range(size), texts(), strict=False):
            file.write(json.dumps({"_id": f"d{number}", "title": "", "text": text}) + "\n")


def make_file(folder: Path, megabytes: int) -> None:
    """Write one text of that size, a paragraph every five texts."""
    folder.mkdir(parents=True)
    written = 0
    with (folder / "all.txt").open("w", encoding="utf-8") as file:
        for number, text in enumerate(texts()):
            written += file.write(text + ("\n\n" if number % 5 == 4 else "\n"))
            if written >= megabytes * 1_000_000:
                return


MAKERS = {"files": make_folder, "rows": make_rows, "text": make_file}
TABLE = [
    *("files:20000", "files:100000", "rows:100000", "rows:1000000"),
    *("text:10MB", "text:30MB", "text:100MB", "text:1000MB"),
]
_NAME = re.compile(r"(files|rows):(\d+)|(text):(\d+)MB")


def parse(name: str) -> tuple[str, int]:
    """Return the kind of a cell and its size: documents, rows or megabytes."""
    match = _NAME.fullmatch(name)
    if match is None:
        raise argparse.ArgumentTypeError(f"expected files:N, rows:N or text:NMB, found {name!r}")
    return match[1] or match[3], int(match[2] or match[4])


def _checked(name: str) -> str:
    parse(name)
    return name


def measure(source: Path, out: Path, settings: list[str]) -> dict[str, Any]:
    """Run the command; look at the memory of all its processes ten times a second."""
    command = [sys.executable, "-m", "embedtune", "generate", str(source), "--out", str(out), "--json"]
    command += [part for setting in settings for part in ("--set", setting)]
    started, worked = time.monotonic(), _children_cpu()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    with tempfile.TemporaryFile() as output, subprocess.Popen(command, stdout=output, env=environment) as process:  # noqa: S603
        peak = watch_memory(process)
        output.seek(0)
        facts = json.loads(output.read() or "{}")
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}")
    return {
        "seconds": round(time.monotonic() - started, 1),
        "cpu_seconds": round(_children_cpu() - worked, 1),
        "peak_mib": round(peak / _MIB),
        "passages": facts["passages"],
    }


def _children_cpu() -> float:
    """Return the seconds that processors have worked for our ended children: on a busy machine they say more than the clock."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def watch_memory(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end and return the largest resident memory, anonymous pages only: the system takes back the others."""
    peak, tree = 0, psutil.Process(process.pid)
    while process.poll() is None:
        resident = 0
        try:
            for each in (tree, *tree.children(recursive=True)):
                memory = each.memory_info()
                resident += memory.rss - getattr(memory, "shared", 0)
        except psutil.NoSuchProcess:
            continue
        peak = max(peak, resident)
        time.sleep(_EVERY_S)
    return peak


def main() -> None:
    options = parser(__doc__)
    options.add_argument(
        "--only", nargs="+", type=_checked, default=TABLE, metavar="CELL", help="files:N, rows:N or text:NMB"
    )
    options.add_argument("--again", action="store_true", help="measure cells that are there already too")
    options.add_argument("--demo", action="store_true", help="only the peak memory of the demo")
    options.add_argument(
        "--set", dest="settings", action="append", default=[], help="as for embedtune generate; kept nowhere"
    )
    arguments = options.parse_args()
    if arguments.demo:
        sys.exit(_peak_of_demo() > DEMO_MIB)
    for name in arguments.only:
        cells = {} if arguments.settings else read_json(HERE / "scale.json", {"cells": {}})["cells"]
        if name not in cells or arguments.again:
            cells[name] = _measured(name, arguments.settings)
            if not arguments.settings:
                _keep(cells)
        print(_row(name, cells[name]), flush=True)


def _peak_of_demo() -> int:
    with tempfile.TemporaryDirectory(prefix="embedtune-demo-") as out:
        command = [sys.executable, "-m", "embedtune", "run", "quickstart", "--out", f"{out}/run", "--quiet"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 (our own command line)
        peak = watch_memory(process) // _MIB
        if process.wait():
            sys.exit("the demo failed")
    print(f"peak memory of the demo: {peak:,} MiB; promised: {DEMO_MIB:,} MiB at most")
    return peak


def _measured(name: str, settings: list[str]) -> dict[str, Any]:
    kind, size = parse(name)
    with tempfile.TemporaryDirectory(prefix="embedtune-scale-") as scratch:
        source = Path(scratch) / "source"
        MAKERS[kind](source, size)
        return {**measure(source, Path(scratch) / "run", settings), "versions": library_versions()}


def _keep(cells: dict[str, dict[str, Any]]) -> None:
    cells = dict(sorted(cells.items(), key=lambda cell: parse(cell[0])))
    write_json(HERE / "scale.json", {"schema_version": 2, "cells": cells})
    lines = header("source", "passages", "seconds", "of a processor", "ms of it a passage", "peak memory, MiB")
    lines += [_row(name, cell) for name, cell in cells.items()]
    (HERE / "scale.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _row(name: str, cell: dict[str, Any]) -> str:
    kind, size = parse(name)
    what = {"files": "{:,} .txt files", "rows": "{:,} rows of corpus.jsonl", "text": "one .txt of {:,} MB"}[kind]
    worked = (f"{cell['seconds']:,.0f}", f"{cell['cpu_seconds']:,.0f}")
    each = f"{1000 * cell['cpu_seconds'] / cell['passages']:.2f}"
    return row(what.format(size), f"{cell['passages']:,}", *worked, each, f"{cell['peak_mib']:,}")


if __name__ == "__main__":
    main()
