"""What ``embedtune generate`` costs as the corpus grows: seconds, and the peak memory of the whole process tree.

    python -m benchmarks.scale --documents 10000 100000 --rows 1000000 --megabytes 10 100

--documents makes folders of small .txt files, --rows BEIR folders of small documents, --megabytes one .txt file of that size.
The words are drawn by Zipf's law, one document in twenty repeats the one before; everything is deleted at the end. The table is
written to benchmarks/scale.md and .json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import psutil

from embedtune.manifest import library_versions, write_json

HERE = Path(__file__).parent
_VOCABULARY = 100_000
_COPIES = 0.05
_EVERY_S = 0.1
_MIB = 1 << 20
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
    word = ""
    while not word or number:
        number, syllable = divmod(number, len(_SYLLABLES))
        word += _SYLLABLES[syllable]
    return word


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


MAKERS = {"documents": make_folder, "rows": make_rows, "megabytes": make_file}


def measure(source: Path, out: Path, settings: list[str]) -> dict[str, Any]:
    """Run the command; look at the memory of all its processes ten times a second."""
    command = [sys.executable, "-m", "embedtune", "generate", str(source), "--out", str(out), "--json"]
    command += [part for setting in settings for part in ("--set", setting)]
    started = time.monotonic()
    with tempfile.TemporaryFile() as said, subprocess.Popen(command, stdout=said, env=_environment()) as process:  # noqa: S603
        peak = _watch(process)
        said.seek(0)
        facts = json.loads(said.read() or "{}")
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}")
    passages = facts["passages"]
    return {"seconds": round(time.monotonic() - started, 1), "peak_mib": round(peak / _MIB), "passages": passages}


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "TOKENIZERS_PARALLELISM": "false"}


def _watch(process: subprocess.Popen[bytes]) -> int:
    """Wait for the end and return the largest resident memory, anonymous pages only: the system takes back the others."""
    peak, tree = 0, psutil.Process(process.pid)
    while process.poll() is None:
        held = 0
        try:
            for each in (tree, *tree.children(recursive=True)):
                memory = each.memory_info()
                held += memory.rss - getattr(memory, "shared", 0)
        except psutil.NoSuchProcess:
            continue
        peak = max(peak, held)
        time.sleep(_EVERY_S)
    return peak


def main() -> None:
    """Make, measure and delete one corpus after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for kind in MAKERS:
        parser.add_argument(f"--{kind}", type=int, nargs="*", default=[])
    parser.add_argument("--set", dest="settings", action="append", default=[], help="as for embedtune generate")
    parser.add_argument("--keep", action="store_true", help="leave the tables that are there as they are")
    options = parser.parse_args()
    cells = []
    for kind, make in MAKERS.items():
        for size in getattr(options, kind):
            with tempfile.TemporaryDirectory(prefix="embedtune-scale-") as scratch:
                source = Path(scratch) / "source"
                make(source, size)
                cell = {"kind": kind, "size": size, **measure(source, Path(scratch) / "run", options.settings)}
                shutil.rmtree(source)
            cells.append(cell)
            print(_row(cell), flush=True)
    if not options.keep:
        result = {"schema_version": 1, "settings": options.settings, "versions": library_versions(), "cells": cells}
        write_json(HERE / "scale.json", result)
        (HERE / "scale.md").write_text(_table(cells), encoding="utf-8")


def _table(cells: list[dict[str, Any]]) -> str:
    header = "| source | passages | seconds | ms for each passage | peak memory, MiB | KiB for each passage |"
    return "\n".join([header, "|---" * 6 + "|", *map(_row, cells)]) + "\n"


def _row(cell: dict[str, Any]) -> str:
    what = {"documents": "{:,} .txt files", "rows": "{:,} rows of corpus.jsonl", "megabytes": "one .txt of {:,} MB"}
    return (
        f"| {what[cell['kind']].format(cell['size'])} | {cell['passages']:,} | {cell['seconds']:,.0f} "
        f"| {1000 * cell['seconds'] / cell['passages']:.2f} | {cell['peak_mib']:,} "
        f"| {1024 * cell['peak_mib'] / cell['passages']:.1f} |"
    )


if __name__ == "__main__":
    main()
