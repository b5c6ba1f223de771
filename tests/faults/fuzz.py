"""Feed damaged input to everything of ours that reads, for as long as you like.

    python tests/faults/fuzz.py --seconds 600 [--only corpus .md …] [--documents FOLDER] [--write]

Seeds are the good files below, and those of a folder if one is given; each round cuts, flips, doubles or swaps some bytes, or
a value in a line of JSON, or does so within one member of a zip archive, which is packed again. What comes back must be a result
or one of our own errors, in time. Anything else is printed with the file that caused it, and the exit code is 1. Documents are
read as in a run: in a sandbox, whose limit is set to five seconds a file here; those that took it all, or of which the parser
died, are printed too. ``--write`` adds the counts of the document readers to ``benchmarks/faults.json`` and ``faults.md``.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import sys
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from embedtune.config.settings import RunConfig, load_config  # noqa: E402 (the repository first)
from embedtune.documents.readers import READERS  # noqa: E402
from embedtune.documents.readers.files import ReadingLimits  # noqa: E402
from embedtune.documents.sandbox import Sandbox  # noqa: E402
from embedtune.errors import EmbedtuneError  # noqa: E402
from embedtune.formats import beir, llama_index, run_files  # noqa: E402
from embedtune.formats.lines import numbered_lines  # noqa: E402
from embedtune.llm.batch_files import read_batch  # noqa: E402
from embedtune.project.manifest import verify  # noqa: E402
from embedtune.project.records import Record  # noqa: E402
from embedtune.synthesis.llm.examples import read_examples  # noqa: E402
from embedtune.synthesis.llm.replies import read_grades, read_queries  # noqa: E402
from embedtune.types import Skipped  # noqa: E402
from tests.faults import results  # noqa: E402

LIMITS = ReadingLimits(timeout_s=5)


class Target(NamedTuple):
    """Something of ours that reads.

    Attributes:
        file: The name that its file has.
        read: Reads it to the end.
        seeds: Good files.
    """

    file: str
    read: Callable[[Path], object]
    seeds: list[bytes]


TARGETS = {
    "corpus": Target(
        "corpus.jsonl",
        lambda path: list(beir.read_documents(path.parent)),
        [b'{"_id": "a", "title": "T", "text": "One."}\n{"_id": "b", "title": "", "text": "Two \\u00e9"}\n'],
    ),
    "passages": Target(
        "corpus.jsonl",
        lambda path: beir.read_passages(path.parent),
        [
            b'{"_id": "a#0", "title": "T", "text": "One.", "metadata": {"document_id": "a", "start": 0, "end": 4, '
            b'"page": 3}}\n'
        ],
    ),
    "queries": Target(
        "queries.jsonl",
        lambda path: beir.read_queries(path.parent),
        [b'{"_id": "q", "text": "why"}\n{"_id": "r", "text": "how", "metadata": {"kind": "span"}}\n'],
    ),
    "qrels": Target("test.tsv", beir.read_qrels, [b"query-id\tcorpus-id\tscore\nq\ta\t1\nr\tb\t2\n"]),
    "llama-index": Target(
        "set.json",
        llama_index.read_llama_index,
        [b'{"queries": {"q": "why"}, "corpus": {"a": "One."}, "relevant_docs": {"q": ["a"]}}'],
    ),
    "run": Target("run.trec", run_files.read_run, [b"q Q0 a 1 0.5 x\nq Q0 b 2 0.25 x\n"]),
    "config": Target(
        "recipe.yaml",
        lambda path: load_config(RunConfig, file=path),
        [b"out: runs/x\ngenerate:\n  source: docs\ntrain:\n  strengths: [0.5, 1]\n  quantize: nf4\n"],
    ),
    "examples": Target(
        "examples.txt",
        read_examples,
        [b"how do I get a refund\nopening hours\n", b'{"text": "why"}\n{"query": "how"}\n'],
    ),
    "responses": Target(
        "responses.jsonl",
        lambda path: list(read_batch(path, numbered_lines(path))),
        [
            b'{"custom_id": "k", "text": "1. why"}\n',
            b'{"custom_id": "k", "response": {"status_code": 200, "body": {"choices": [{"message": {"content": "x"}, '
            b'"finish_reason": "stop"}], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}}}\n',
        ],
    ),
    "answer": Target(
        "answer.txt",
        lambda path: _read_answer(path.read_bytes().decode(errors="replace")),
        [
            b'Sure! ```json\n{"queries": ["cold tap water", "fill the tank"], "kinds": [1, 2,]}\n```',
            b"1. How cold is tap water?\n2. fill the tank\n",
            b'{"grades": [0, 1, 2]}',
            b"<queries><query>how cold</query></queries>",
            b"{'queries': ['why', 'how'], /* two */}",
        ],
    ),
    "manifest": Target(
        "manifest.json",
        lambda path: verify(path.parent, Record),
        [b'{"schema_version": 1, "identity": {"stage": "x"}, "facts": {}, "outputs": {"a": "0"}, "sha256": "1"}'],
    ),
}


SEEDS = {
    ".tsv": [b'name\tplace\tyear\nkettle\tkitchen\t1999\n"a lamp"\tattic\t2004\n'],
    ".jsonl": [
        b'{"title": "Kettle", "text": "It boils.", "tags": ["a", {"b": 1}]}\n{"title": "Lamp", "text": "It glows."}\n'
    ],
    ".rst": [
        b"Kettles\n=======\n\n.. note:: It *boils*, see :ref:`lamps` and `here <x>`_.\n\n+---+---+\n| a | b |\n+===+===+\n"
        b"| c | d |\n+---+---+\n\n.. code:: sh\n\n   boil --now\n\n1. one\n2. two\n\n.. |s| replace:: lamp\n\nA |s| glows [#f]_.\n\n"
        b".. [#f] Bright.\n\n=====  =====\nA      B\n=====  =====\n1      2\n=====  =====\n"
    ],
    ".eml": [
        b"From: A <a@x.example>\nTo: =?utf-8?b?w6k=?= <b@x.example>\nSubject: =?iso-8859-1?q?caf=E9?=\nDate: Mon, 6 Jul 2026 10:00:00 "
        b'+0200\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="=b"\n\n--=b\nContent-Type: text/plain; charset=utf-8\n'
        b"Content-Transfer-Encoding: quoted-printable\n\nThe kettle=20boils.\n> quoted\n\n--=b\nContent-Type: text/html\n\n<p>It <b>glows"
        b"</b></p>\n\n--=b\nContent-Type: message/rfc822\n\nSubject: inner\n\nInner text.\n\n--=b\nContent-Type: text/plain; name=a.txt\n"
        b"Content-Disposition: attachment\nContent-Transfer-Encoding: base64\n\nSGVsbG8gd29ybGQu\n--=b--\n"
    ],
    ".xml": [
        b"<?xml version='1.0'?><doc><title>Kettle</title><p a='1'>It boils.<!-- c --><![CDATA[x<y]]></p><p>&amp;</p></doc>"
    ],
}
"""Good files of formats that a folder of documents may lack."""


def _read_answer(text: str) -> object:
    return [
        (read_queries(text, finish=finish, n=2), read_grades(text, finish=finish, n=3, most=2))
        for finish in ("stop", "length", "refusal")
    ]


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


def reshape(data: bytes, draw: random.Random) -> bytes:
    """Put a value of another kind somewhere into one line of JSON, or one key; anything else is damaged instead."""
    lines = data.splitlines(keepends=True)
    place = draw.randrange(len(lines))
    try:
        row = json.loads(lines[place])
    except ValueError:
        return damage(data, draw)
    other: object = draw.choice(
        ["", "x", "1", 0, -1, 1.5, 1e308, float("nan"), True, None, [], [[]], {}, {"a": {}}, 10**30]
    )
    where, key = draw.choice([(None, None), *_places(row)])
    if where is None:
        row = other
    else:
        where[key] = other
    lines[place] = json.dumps(row).encode() + b"\n"
    return b"".join(lines)


def repack(data: bytes, draw: random.Random) -> bytes:
    """Damage one member of a zip archive and pack it again, so that a reader gets beyond its checksums; else damage the whole."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(name, archive.read(name)) for name in archive.namelist()]
    except (zipfile.BadZipFile, OSError, ValueError):
        return damage(data, draw)
    place = draw.randrange(len(members))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (name, content) in enumerate(members):
            archive.writestr(name, damage(content, draw) if number == place else content)
    return packed.getvalue()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


class Count(NamedTuple):
    """What came of one target.

    Attributes:
        tried: Damaged files that were read.
        unhandled: Of these ended in an error that is not ours.
        slow: Took all the time of a document.
        died: Ended the parser.
    """

    tried: int
    unhandled: int
    slow: int
    died: int


def attack(target: Target, name: str, seconds: float, folder: Path, seed: int = 0) -> Count:
    """Read damaged files for some seconds."""
    draw = random.Random(f"{name} {seed}" if seed else name)
    path = folder / name / target.file
    path.parent.mkdir()
    tried = failed = slow = died = 0
    changes = [repack, repack, damage] if zipfile.is_zipfile(io.BytesIO(target.seeds[0])) else [damage, reshape]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = draw.choice(changes)(draw.choice(target.seeds), draw)
        path.write_bytes(data)
        tried += 1
        started = time.monotonic()
        try:
            read = target.read(path)
            reason = read.reason if isinstance(read, Skipped) else ""
            if reason.startswith(("it took longer", "the parser died")):
                slow, died = slow + reason.startswith("it took"), died + reason.startswith("the parser")
                kept = Path(tempfile.gettempdir(), f"embedtune-fuzz-{tried}-{target.file}")
                kept.write_bytes(data)
                print(f"{name}: {reason}, kept as {kept}", flush=True)
            if time.monotonic() - started > 4 * LIMITS.timeout_s:
                raise TimeoutError("it took longer than it may")
        except EmbedtuneError:
            continue
        except Exception:
            failed += 1
            print(f"{name}: not an error of ours, for {data[:300]!r}", traceback.format_exc(), sep="\n", flush=True)
    return Count(tried, failed, slow, died)


def main() -> int:
    """Attack every target in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, help="for each reader")
    parser.add_argument("--only", nargs="*", default=(), metavar="NAME", help="these targets, as they are printed")
    parser.add_argument("--documents", type=Path, help="folder whose files are seeds for the document readers")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="add the counts of document readers to the results")
    arguments = parser.parse_args()
    counts: dict[str, Count] = {}
    with tempfile.TemporaryDirectory(prefix="embedtune-fuzz-") as scratch, Sandbox(LIMITS) as sandbox:
        for name, target in targets_of(sandbox, arguments.documents or ROOT).items():
            if arguments.only and name not in arguments.only:
                continue
            counts[name] = count = attack(target, name, arguments.seconds, Path(scratch), arguments.seed)
            said = f"{count.unhandled} unhandled errors, {count.slow} slow, {count.died} died"
            print(f"{name:<20}{count.tried:>8} damaged files in {arguments.seconds:g} s, {said}", flush=True)
            if arguments.write:  # each time, so that a kill of this script loses nothing
                write({name: count for name, count in counts.items() if name in READERS}, arguments.seconds)
    return int(any(count.unhandled for count in counts.values()))


def write(counts: dict[str, Count], seconds: float) -> None:
    """Put the counts of document readers beside the results of the other campaigns."""
    sums = {
        "tried": sum(each.tried for each in counts.values()),
        "unhandled": sum(each.unhandled for each in counts.values()),
    }
    rows = {name: {"seconds": seconds, **count._asdict()} for name, count in counts.items()}
    table = [
        "| damaged documents | read | unhandled errors | took all of their time | ended the parser |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {each.tried:,} | {each.unhandled} | {each.slow} | {each.died} |"
            for name, each in counts.items()
        ),
        "",
        f"{seconds:g} seconds of the clock for each reader; a document may take five.",
    ]
    results.write({"fuzz": {**sums, "readers": rows}}, table)


def targets_of(sandbox: Sandbox, folder: Path) -> dict[str, Target]:
    """Return what is attacked; document readers get the small files of a folder as seeds."""
    targets = dict(TARGETS)
    for suffix in READERS:
        files = [path for path in folder.rglob(f"*{suffix}") if path.is_file()] if suffix else []
        seeds = [path.read_bytes() for path in files if path.stat().st_size < 1_000_000 and ".venv" not in path.parts]
        seeds += SEEDS.get(suffix, [])
        if seeds:
            targets[suffix] = Target(f"document{suffix}", lambda path: sandbox.read(path, path.name), seeds)
    return targets


if __name__ == "__main__":
    sys.exit(main())
