"""Kill runs at random moments and hold what comes out after a second start against an undisturbed run, byte for byte.

    python tests/faults/kill_runs.py --kills 100

writes ``benchmarks/faults.md`` and ``benchmarks/faults.json``. Each kill is a SIGKILL to the process group of one stage, at a
moment drawn evenly over the time that the stage takes; then the same command runs to its end. Compared are all files of the
stage and its manifest without the circumstances (times and command). The model is a BERT of two layers made on the spot.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "generate": ["--set", "window_tokens=48"],
    "train": ["--set", "batch_size=8", "--set", "max_pairs=160", "--set", "checkpoint_seconds=0", "--set", "epochs=2",
              "--set", "max_dev_windows=200", "--set", "temperature=0.05"],
    "eval": [],
}  # fmt: skip
FOLDERS = {"generate": "dataset", "train": "model", "eval": "eval"}
METHODS = {"lora": ["--quantize", "nf4"], "full": ["--set", "method=full"]}


class Case(NamedTuple):
    """A stage to kill, and the method of its training (of the model that eval measures)."""

    stage: str
    method: str


CASES = [Case("generate", "lora"), Case("train", "lora"), Case("train", "full"), Case("eval", "lora")]


def make_model(folder: Path) -> Path:
    """Write a sentence-transformers folder with a random BERT of two layers and the packaged tokenizer."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import AutoTokenizer, BertConfig, BertModel

    from embedtune.config.settings import DEFAULT_MODEL
    from embedtune.models.locate import find_model

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(str(find_model(DEFAULT_MODEL)))
    shape = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
    bert = folder / "bert"
    BertModel(BertConfig(vocab_size=len(tokenizer), max_position_embeddings=128, **shape)).save_pretrained(bert)
    tokenizer.save_pretrained(bert)
    transformer = Transformer(str(bert), max_seq_length=64)
    pooling = Pooling(transformer.get_embedding_dimension())
    SentenceTransformer(modules=[transformer, pooling]).save_pretrained(str(folder / "model"))
    return folder / "model"


def environment() -> dict[str, str]:
    """Return that of every stage: one thread, because sums in another order have other last bits."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


class Stages:
    """One command line for each stage, all in one scratch folder."""

    def __init__(self, scratch: Path, source: str) -> None:
        """Make the model; ``source`` is what generate reads."""
        self.scratch = scratch
        self._source = source
        self._model = make_model(scratch)
        self.seconds: dict[Case, float] = {}

    def command(self, case: Case, run: Path) -> list[str]:
        """Return the command line of a stage."""
        start = [sys.executable, "-m", "embedtune", case.stage, "--quiet"]
        if case.stage == "generate":
            return [*start, self._source, "--out", str(run), "--model", str(self._model), *SETTINGS["generate"]]
        extra = METHODS[case.method] if case.stage == "train" else []
        return [*start, str(run), *SETTINGS[case.stage], *extra]

    def start(self, case: Case, run: Path) -> subprocess.Popen[bytes]:
        """Start a stage in a process group of its own."""
        with (self.scratch / "stderr").open("ab") as errors:
            return subprocess.Popen(
                self.command(case, run),
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
                env=environment(),
            )

    def finish(self, case: Case, run: Path) -> None:
        """Run a stage to its end."""
        code = self.start(case, run).wait()
        if code:
            raise SystemExit(f"{case}: exit code {code}\n{(self.scratch / 'stderr').read_text()[-3000:]}")

    def undisturbed(self, case: Case) -> Path:
        """Return the folder of a run that nobody disturbed, made when it is first asked for; note how long the stage takes."""
        run = self.scratch / f"undisturbed-{case.stage}-{case.method}"
        if case not in self.seconds:
            self.ready(case, run)
            started = time.monotonic()
            self.finish(case, run)
            self.seconds[case] = time.monotonic() - started
        return run

    def ready(self, case: Case, run: Path) -> None:
        """Put what a stage reads into a run folder."""
        if case.stage != "generate":
            shutil.copytree(self.undisturbed(_before(case)), run)

    def kill_once(self, case: Case, when: float | Callable[[Path], bool]) -> tuple[bool, list[str]]:
        """Kill a stage after some seconds or once something is true of its folder, and run it again.

        Returns:
            Whether the kill hit, and which files differ from those of an undisturbed run.
        """
        run = Path(tempfile.mkdtemp(prefix="killed-", dir=self.scratch)) / "run"
        self.ready(case, run)
        process, started = self.start(case, run), time.monotonic()
        while process.poll() is None and not is_due(when, started, run):
            time.sleep(0.01)
        hit = process.poll() is None
        if hit:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.finish(case, run)
        folder = FOLDERS[case.stage]
        differing = compare(self.undisturbed(case) / folder, run / folder)
        shutil.rmtree(run.parent)
        return hit, differing


def _before(case: Case) -> Case:
    return Case("train", case.method) if case.stage == "eval" else Case("generate", "lora")


def is_due(when: float | Callable[[Path], bool], started: float, run: Path) -> bool:
    """Tell whether it is time to kill."""
    return when(run) if callable(when) else time.monotonic() - started >= when


def compare(expected: Path, found: Path) -> list[str]:
    """Return the names of files that differ; of a manifest, the circumstances and what follows from them may."""
    left, right = read_stage(expected), read_stage(found)
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))


def read_stage(folder: Path) -> dict[str, bytes]:
    """Return name → bytes."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    manifest = json.loads(files["manifest.json"])
    for key in ("circumstances", "manifest_hash"):
        del manifest[key]
    return files | {"manifest.json": json.dumps(manifest).encode()}


def kill(stages: Stages, kills: int, seed: int, jobs: int) -> Iterator[dict[str, object]]:
    """Kill ``kills`` times, the cases in turn, ``jobs`` at once; yield what came of each."""
    draw = random.Random(seed)
    cases = [CASES[number % len(CASES)] for number in range(kills)]
    moments = [draw.uniform(0, stages.seconds[case]) for case in cases]
    with ThreadPoolExecutor(jobs) as pool:
        for case, moment, (hit, differing) in zip(
            cases, moments, pool.map(stages.kill_once, cases, moments), strict=True
        ):
            print(f"{case.stage} ({case.method}) at {moment:.1f} s:", "hit" if hit else "over before",
                  "differs: " + ", ".join(differing) if differing else "same bytes", flush=True)  # fmt: skip
            yield {**case._asdict(), "moment_s": round(moment, 2), "hit": hit, "differing": differing}


def main() -> None:
    """Kill, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="kills at once; each takes one core")
    parser.add_argument("--source", default="python-reference")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="embedtune-kills-") as scratch:
        stages = Stages(Path(scratch), arguments.source)
        for case in CASES:
            stages.undisturbed(case)
        rows: list[dict[str, object]] = []
        for row in kill(stages, arguments.kills, arguments.seed, arguments.jobs):
            rows.append(row)
            write(rows, stages.seconds, arguments.seed)  # each time, so that a kill of this script loses nothing either
        print((ROOT / "benchmarks" / "faults.md").read_text())


def write(rows: list[dict[str, object]], seconds: dict[Case, float], seed: int) -> None:
    """Write the table for people and the one for programs."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    result = {
        "schema_version": 1,
        "kills": {"tried": len(rows), "differences": sum(bool(row["differing"]) for row in rows)},
        "hits": sum(bool(row["hit"]) for row in rows),
        "seed": seed,
        "machine": machine,
        "rows": rows,
    }
    path, table = ROOT / "benchmarks" / "faults.json", ROOT / "benchmarks" / "faults.md"
    path.write_text(
        json.dumps({**json.loads(path.read_text()), **result}, indent=2) + "\n"
    )  # beside those of campaigns.py
    lines = [
        "| stage | training | takes | kills | hit a running stage | differing results |",
        "|---|---|---|---|---|---|",
    ]
    for case in CASES:
        mine = [row for row in rows if (row["stage"], row["method"]) == case]
        hits, differing = (sum(bool(row[key]) for row in mine) for key in ("hit", "differing"))
        lines.append(f"| {case.stage} | {case.method} | {seconds[case]:.0f} s | {len(mine)} | {hits} | {differing} |")
    lines.append(f"\nSIGKILL at moments drawn evenly over each stage, seed {seed}; {machine}, one thread.")
    others = table.read_text().partition("\n| what others bring")
    table.write_text("\n".join(lines) + "\n" + "".join(others[1:]))


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
