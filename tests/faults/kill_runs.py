"""Kill commands at random moments and hold what comes out after a second start against an undisturbed one, byte for byte.

    python tests/faults/kill_runs.py --kills 200

writes ``benchmarks/faults.md`` and ``benchmarks/faults.json``. Each kill is a SIGKILL to the process group of one command, at a
moment drawn evenly over the time that it takes; then the same command runs to its end. Compared are all files of the
stage and its manifest without the circumstances (times and command). With ``--force`` the old result has to be there after the
kill. After that of an ``update`` or a ``search`` each stage has to be that of before or of after. What ``export-model``,
``templates`` and ``merge`` write has to be whole or not there after the kill, and nothing may lie beside it in the end;
``plug --check`` may change nothing. The model is a BERT of two layers made on the spot.

With ``--warm`` commands are forks of a process that has loaded the libraries: most of a short command's time is else their import.
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
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

import embedtune  # noqa: E402 (the repository first)
from embedtune.project.layout import STAGES  # noqa: E402
from tests.conftest import _SUBJECTS, _document_text  # noqa: E402
from tests.faults import results  # noqa: E402

WARM = ("torch", "datasets", "peft", "bitsandbytes", "sentence_transformers", "embedtune.cli", "embedtune.pipeline.generate",
        "embedtune.pipeline.train", "embedtune.pipeline.evaluate", "embedtune.serving.retriever", "embedtune.training.trainer",
        "embedtune.snippets.checking", "embedtune.pipeline.model_cards", "embedtune.pipeline.search", "embedtune.pipeline.update",
        "embedtune.pipeline.merge_runs", "optuna.storages")  # fmt: skip
"""What a forked command finds loaded."""
SETTINGS = {
    "generate": ["--set", "window_tokens=48"],
    "train": ["--set", "batch_size=8", "--set", "max_pairs=160", "--set", "checkpoint_seconds=0", "--set", "epochs=2",
              "--set", "max_dev_windows=200", "--set", "temperature=0.05"],
    "eval": [],
    "search": ["--trials", "3", "--minutes", "600", "--set", "train.batch_size=8", "--set", "train.max_pairs=64",
               "--set", "train.checkpoint_seconds=0", "--set", "train.max_dev_windows=200", "--set", "train.temperature=0.05",
               "--set", "space.batch_size=[4,8]", "--set", "space.epochs=[1,2]"],
    "update": [],
}  # fmt: skip
FOLDERS = {"generate": "dataset", "train": "model", "eval": "eval"}
MADE = {"export-model": "exported", "templates": "templates", "merge": "merged"}
"""Commands that make a folder beside the run, and its name."""
WHOLE_RUN = ("search", "update")
"""Commands that make several stages."""

METHODS = {
    "lora": ["--quantize", "nf4"],
    "full": ["--set", "method=full"],
    "shipped": ["--quantize", "none", "--set", "ship_errors=0", "--set", "strengths=[1.0]", "--learning-rate", "5e-3"],
}
"""Arguments of a training; one that is ``shipped`` leaves an adapter, and its documents change later."""


class Case(NamedTuple):
    """A command to kill, and the method of its training (of the model that it works with)."""

    stage: str
    method: str
    force: bool = False

    @property
    def command(self) -> str:
        """The command in words."""
        return f"{self.stage} --force" if self.force else self.stage


CASES = [Case("generate", "lora"), Case("train", "lora"), Case("train", "full"), Case("eval", "lora")]
FORCED = [Case("generate", "lora", force=True), Case("train", "lora", force=True), Case("eval", "lora", force=True)]
OTHERS = [Case("export-model", "lora"), Case("templates", "lora"), Case("plug --check", "lora"), Case("search", "lora"),
          Case("update", "shipped"), Case("merge", "shipped")]  # fmt: skip


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
        self._changing = scratch / "changing"
        self._changing.mkdir()
        self._write_documents(_SUBJECTS[:-3])
        self._model = make_model(scratch)
        self.seconds: dict[Case, float] = {}

    def command(self, case: Case, run: Path) -> list[str]:
        """Return the command line of a stage."""
        start = [sys.executable, "-m", "embedtune", *case.command.split(), "--quiet"]
        if case.stage == "plug --check":
            return [*start[:-2], str(run), "--for", "sentence-transformers", "--check"]
        if case.stage == "merge":
            return [
                *start,
                str(run),
                str(self.undisturbed(Case("train", "shipped"))),
                "--out",
                str(run.parent / MADE["merge"]),
            ]
        if case.stage in MADE:
            made = str(run.parent / MADE[case.stage])
            return [*start[:-1], *([] if case.stage == "templates" else [str(run)]), made]
        if case.stage == "generate":
            source = self._changing if case.method == "shipped" else self._source
            return [*start, str(source), "--out", str(run), "--model", str(self._model), *SETTINGS["generate"]]
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
        """Return the folder of a run that nobody disturbed, made when it is first asked for; note how long the command takes."""
        run = self.scratch / f"undisturbed-{case.command}-{case.method}" / "run"
        if case not in self.seconds:
            self.ready(case, run)
            started = time.monotonic()
            self.finish(case, run)
            self.seconds[case] = time.monotonic() - started
        return run

    def ready(self, case: Case, run: Path) -> None:
        """Put what a command reads into a run folder."""
        run.parent.mkdir(exist_ok=True)
        before = _before(case)
        if before is not None:
            shutil.copytree(self.undisturbed(before), run)
        if case.stage == "update":
            self._write_documents(_SUBJECTS)

    def _write_documents(self, subjects: Sequence[object]) -> None:
        for number in range(len(subjects)):
            (self._changing / f"{number:02d}.md").write_text(_document_text(number), encoding="utf-8")

    def kill_once(self, case: Case, when: float | Callable[[Path], bool]) -> tuple[bool, list[str]]:
        """Kill a command after some seconds or once something is true of its folder, and run it again.

        Returns:
            Whether the kill hit, and which files differ from those of an undisturbed run, or were left behind.
        """
        run = Path(tempfile.mkdtemp(prefix="killed-", dir=self.scratch)) / "run"
        expected = made_by(case, self.undisturbed(case))
        self.ready(case, run)
        process, started = self.start(case, run), time.monotonic()
        while process.poll() is None and not is_due(when, started, run):
            time.sleep(0.01)
        hit = process.poll() is None
        if hit:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        made, differing = made_by(case, run), list[str]()
        if case.stage in WHOLE_RUN:
            differing += [f"after the kill: {name}" for name in self._mixed(case, run)]
        elif case.force or made.exists():
            differing += [f"after the kill: {name}" for name in compare(expected, made)]
        if case.stage not in MADE or not made.exists():
            self.finish(case, run)
        differing += compare(expected, made)
        differing += [
            f"left behind: {path.name}" for path in (*run.glob(".embedtune-*"), *run.parent.glob(".embedtune-*"))
        ]
        shutil.rmtree(run.parent)
        return hit, differing

    def _mixed(self, case: Case, run: Path) -> list[str]:
        """Return the names of stages that are neither as before a command nor as after it."""
        before = _before(case)
        assert before is not None
        folders = [self.undisturbed(before), self.undisturbed(case)]
        return [name for name in STAGES if all(compare(each / name, run / name) for each in folders)]


def _before(case: Case) -> Case | None:
    """Return the command whose run a command works with, if any."""
    if case.force:
        return case._replace(force=False)
    generated = Case("generate", "shipped" if case.method == "shipped" else "lora")
    before = {"train": generated, "search": generated, "eval": Case("train", case.method)}
    before |= dict.fromkeys(("update", "merge"), Case("train", "shipped"))
    return None if case.stage in ("generate", "templates") else before.get(case.stage, Case("eval", case.method))


def made_by(case: Case, run: Path) -> Path:
    """Return the folder that a command makes; for ``plug --check``, which makes none, the one that it reads."""
    if case.stage in WHOLE_RUN:
        return run
    return run.parent / MADE[case.stage] if case.stage in MADE else run / FOLDERS.get(case.stage, "model")


def is_due(when: float | Callable[[Path], bool], started: float, run: Path) -> bool:
    """Tell whether it is time to kill."""
    return when(run) if callable(when) else time.monotonic() - started >= when


def compare(expected: Path, found: Path) -> list[str]:
    """Return the names of files that differ; of a manifest, the circumstances and what follows from them may."""
    left, right = read_stage(expected), read_stage(found)
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))


def read_stage(folder: Path) -> dict[str, bytes]:
    """Return name → bytes."""
    inside = [(path, path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    files = {name.as_posix(): path.read_bytes() for path, name in inside if not name.parts[0].startswith(".")}
    return {
        name: _without_circumstances(content) if name.endswith("manifest.json") else content
        for name, content in files.items()
    }


def _without_circumstances(manifest: bytes) -> bytes:
    kept = {
        name: value for name, value in json.loads(manifest).items() if name not in ("circumstances", "manifest_hash")
    }
    return json.dumps(kept).encode()


class Fork:
    """A command in a copy of this process, which has loaded the libraries; used as ``Popen`` is."""

    def __init__(self, command: Sequence[str], errors: Path) -> None:
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid:
            return
        code = 70
        try:
            os.setsid()
            signal.signal(signal.SIGINT, signal.default_int_handler)  # whatever the parent does with them
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(os.open(errors, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), 2)
            sys.stdout, sys.stderr = open(1, "w"), open(2, "w")  # noqa: SIM115 (this process ends soon)
            sys.argv = ["embedtune", *command[3:]]
            from embedtune import cli

            cli.main()
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        if self.returncode is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if done else None
        return self.returncode

    def wait(self) -> int:
        """Wait for the end."""
        while self.poll() is None:
            time.sleep(0.01)
        assert self.returncode is not None
        return self.returncode


class WarmStages(Stages):
    """Commands start as forks."""

    def __init__(self, scratch: Path, source: str) -> None:
        super().__init__(scratch, source)
        os.environ.update(environment(), TOKENIZERS_PARALLELISM="false")
        for name in WARM:
            import_module(name)

    def start(self, case: Case, run: Path) -> Fork:  # type: ignore[override]
        """Start a command in a process group of its own."""
        return Fork(self.command(case, run), self.scratch / "stderr")


def kill(stages: Stages, numbers: range, seed: int) -> Iterator[dict[str, object]]:
    """Kill once for each number, the cases in turn, those that take long in every third round; yield what came of each."""
    every = [*CASES, *FORCED, *OTHERS]
    short = [case for case in every if case.stage not in ("train", "plug --check", "search", "update")]
    cases = [*every, *short, *short]
    for number in numbers:
        case = cases[number % len(cases)]
        stages.undisturbed(case)
        moment = random.Random(f"{seed} {number}").uniform(0, stages.seconds[case])
        hit, differing = stages.kill_once(case, moment)
        print(f"{case.command} ({case.method}) at {moment:.1f} s:", "hit" if hit else "over before",
              "differs: " + ", ".join(differing) if differing else "same bytes", flush=True)  # fmt: skip
        yield {
            "stage": case.command,
            "method": case.method,
            "moment_s": round(moment, 2),
            "hit": hit,
            "differing": differing,
            "code": f"{embedtune.__version__}, {time.strftime('%Y-%m-%d', time.gmtime())}",
        }


def main() -> None:
    """Kill, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--add", action="store_true", help="to the kills that benchmarks/faults.json holds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--warm", action="store_true", help="fork commands from a process that has loaded the libraries"
    )
    parser.add_argument("--source", default="python-reference")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="embedtune-kills-") as scratch:
        stages = (WarmStages if arguments.warm else Stages)(Path(scratch), arguments.source)
        rows: list[dict[str, object]] = json.loads(results.COUNTS.read_text())["rows"] if arguments.add else []
        for row in kill(stages, range(len(rows), len(rows) + arguments.kills), arguments.seed):
            rows.append(row)
            write(rows, stages.seconds, arguments.seed)  # each time, so that a kill of this script loses nothing either
        print(results.TABLE.read_text())


def write(rows: list[dict[str, object]], seconds: dict[Case, float], seed: int) -> None:
    """Put the figures beside the results of the other campaigns."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    counts = {
        "schema_version": 1,
        "kills": {"tried": len(rows), "differences": sum(bool(row["differing"]) for row in rows)},
        "hits": sum(bool(row["hit"]) for row in rows),
        "seed": seed,
        "machine": machine,
        "rows": rows,
    }
    table = [
        "| stage | training | takes | kills | hit a running stage | differing results |",
        "|---|---|---|---|---|---|",
    ]
    for case in (*CASES, *FORCED, *OTHERS):
        mine = [row for row in rows if (row["stage"], row["method"]) == (case.command, case.method)]
        hits, differing = (sum(bool(row[key]) for row in mine) for key in ("hit", "differing"))
        takes = f"{seconds[case]:.0f} s" if case in seconds else "–"
        table.append(f"| {case.command} | {case.method} | {takes} | {len(mine)} | {hits} | {differing} |")
    codes = Counter(str(row["code"]) for row in rows if "code" in row)
    said = "".join(f" Of version {code}: {count} kills." for code, count in codes.items())
    table += ["", f"SIGKILL at moments drawn evenly over each command, seed {seed}; {machine}, one thread.{said}"]
    results.write(counts, table)


if __name__ == "__main__":
    main()
