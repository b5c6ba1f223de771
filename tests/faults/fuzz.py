"""Feed damaged input to everything of ours that reads, for as long as you like.

    python tests/faults/fuzz.py --seconds 600

Seeds are the good files below, and those of a folder if one is given; each round cuts, flips, doubles or swaps some bytes. What
comes back must be a result or one of our own errors, in time. Anything else is printed with the file that caused it, and the exit
code is 1. Documents are read as in a run: in a sandbox, whose limit is set to five seconds a file here.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from embedtune.config import RunConfig, load_config  # noqa: E402 (the repository first)
from embedtune.documents.limits import ReadingLimits  # noqa: E402
from embedtune.documents.readers import READERS  # noqa: E402
from embedtune.documents.sandbox import Sandbox  # noqa: E402
from embedtune.errors import EmbedtuneError  # noqa: E402
from embedtune.formats import beir, llama_index_json, trec  # noqa: E402

SEEDS: dict[str, list[bytes]] = {
    "corpus.jsonl": [b'{"_id": "a", "title": "T", "text": "One."}\n{"_id": "b", "title": "", "text": "Two \\u00e9"}\n'],
    "queries.jsonl": [b'{"_id": "q", "text": "why"}\n{"_id": "r", "text": "how", "metadata": {"kind": "span"}}\n'],
    "test.tsv": [b"query-id\tcorpus-id\tscore\nq\ta\t1\nr\tb\t2\n"],
    "set.json": [b'{"queries": {"q": "why"}, "corpus": {"a": "One."}, "relevant_docs": {"q": ["a"]}}'],
    "run.trec": [b"q Q0 a 1 0.5 x\nq Q0 b 2 0.25 x\n"],
    "recipe.yaml": [b"out: runs/x\ngenerate:\n  source: docs\ntrain:\n  strengths: [0.5, 1]\n  quantize: nf4\n"],
}
LIMITS = ReadingLimits(timeout_s=5)
TARGETS: dict[str, Callable[[Path], object]] = {
    "corpus.jsonl": lambda path: beir.read_documents(path.parent),
    "queries.jsonl": lambda path: beir.read_queries(path.parent),
    "test.tsv": beir.read_qrels,
    "set.json": llama_index_json.read_llama_index,
    "run.trec": trec.read_run,
    "recipe.yaml": lambda path: load_config(RunConfig, file=path),
}


def damage(data: bytes, draw: random.Random) -> bytes:
    """Change a few places."""
    result = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        here, there = (draw.randrange(len(result) + 1) for _ in range(2))
        low, high = min(here, there), max(here, there)
        match draw.randrange(6):
            case 0:
                del result[low : min(high, low + 200)]
            case 1:
                result[here:here] = result[low : low + 50] * draw.randint(1, 20)
            case 2:
                result[here:here] = bytes(draw.randrange(256) for _ in range(draw.randint(1, 8)))
            case 3 if here < len(result):
                result[here] ^= 1 << draw.randrange(8)
            case 4:
                result[here:here] = draw.choice(
                    [b'"', b"{", b"[" * 500, b"\0", b"\xff", b"\r", b"\t", b"&x;", b"<", b"#", b"---\n"]
                )
            case 5:
                del result[low:]
    return bytes(result)


def attack(
    target: Callable[[Path], object], name: str, seeds: list[bytes], seconds: float, folder: Path
) -> tuple[int, int]:
    """Return how many damaged files were read, and how many ended in an error that is not ours."""
    draw = random.Random(name)
    path = folder / name
    tried = failed = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = damage(draw.choice(seeds), draw)
        path.write_bytes(data)
        tried += 1
        started = time.monotonic()
        try:
            target(path)
            if time.monotonic() - started > 2 * LIMITS.timeout_s:
                raise TimeoutError("it took longer than it may")
        except EmbedtuneError:
            continue
        except Exception:
            failed += 1
            print(f"{name}: not an error of ours, for {data[:300]!r}", traceback.format_exc(), sep="\n", flush=True)
    return tried, failed


def main() -> int:
    """Attack every target in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, help="for each reader")
    parser.add_argument("--documents", type=Path, help="folder whose files are seeds for the document readers")
    arguments = parser.parse_args()
    worst = 0
    with tempfile.TemporaryDirectory(prefix="embedtune-fuzz-") as scratch, Sandbox(LIMITS) as sandbox:
        for name, (target, seeds) in targets_of(sandbox, arguments.documents or ROOT).items():
            tried, failed = attack(target, name, seeds, arguments.seconds, Path(scratch))
            print(
                f"{name:<20}{tried:>8} damaged files in {arguments.seconds:g} s, {failed} unhandled errors", flush=True
            )
            worst = max(worst, failed)
    return int(worst > 0)


def targets_of(sandbox: Sandbox, folder: Path) -> dict[str, tuple[Callable[[Path], object], list[bytes]]]:
    """Return by file name what reads it and its seeds; document readers get the small files of a folder as seeds."""
    targets = {name: (TARGETS[name], seeds) for name, seeds in SEEDS.items()}
    for suffix in READERS:
        files = [path for path in folder.rglob(f"*{suffix}") if path.is_file()] if suffix else []
        seeds = [path.read_bytes() for path in files if path.stat().st_size < 200_000 and ".venv" not in path.parts]
        if seeds:
            targets[f"document{suffix}"] = (lambda path: sandbox.read(path, path.name), seeds)
    return targets


if __name__ == "__main__":
    sys.exit(main())
