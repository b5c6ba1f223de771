"""Kill ``generate --generator llm`` at random moments, give the same command again, and look at what was lost or paid twice.

    python tests/faults/llm_kills.py --kills 50

writes ``benchmarks/llm_kills.md`` and ``.json``. The server goes wrong in 37 of 100 calls. After each kill the dataset must have
the bytes of an undisturbed run, no prompt whose answer was in the store may be sent again, and at most as many answers may be paid
twice as calls were in flight.
"""

from __future__ import annotations

import argparse
import hashlib
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
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from embedtune.llm.store import ANSWER, snapshot  # noqa: E402
from embedtune.synthesis.llm.replies import read_queries  # noqa: E402
from tests.conftest import _SUBJECTS, _document_text  # noqa: E402
from tests.faults.kill_runs import compare, environment, is_due, make_model  # noqa: E402
from tests.llm_server import FAULTS, Script, ScriptedServer  # noqa: E402

CONCURRENCY = 4


class Kill(NamedTuple):
    """What one kill did.

    Attributes:
        moment_s: Seconds after the start.
        hit: Whether the process was still there.
        committed: Usable answers in the store when it was killed.
        lost: Of those, prompts that were sent again.
        paid_twice: Good answers that were sent twice.
        differing: Files of the dataset that differ from those of the undisturbed run.
    """

    moment_s: float
    hit: bool
    committed: int
    lost: int
    paid_twice: int
    differing: list[str]


class Runs:
    """Runs of one command line against one server."""

    def __init__(self, scratch: Path, *, faults: dict[str, int] = FAULTS, latency_s: float = 0.05) -> None:
        """Make documents and a model, and run once undisturbed."""
        self._scratch = scratch
        self._script = Script(faults=faults, refused=40, latency_s=latency_s, wait_s=0.05)
        self._model = make_model(scratch)
        self._documents = scratch / "documents"
        self._documents.mkdir()
        for number, (thing, *_) in enumerate(_SUBJECTS):
            (self._documents / f"{number:02d} {thing}.md").write_text(_document_text(number), encoding="utf-8")
        started = time.monotonic()
        with ScriptedServer(self._script) as server:
            self._finish(scratch / "undisturbed", server.url)
        self.seconds = time.monotonic() - started

    def start(self, run: Path, url: str) -> subprocess.Popen[bytes]:
        """Start the command in a process group of its own."""
        command = [sys.executable, "-m", "embedtune", "generate", "--quiet", str(self._documents), "--out", str(run),
                   "--model", str(self._model), "--set", "window_tokens=48", "--generator", "llm", "--llm", "openai:scripted",
                   "--base-url", url, "--set", f"llm.concurrency={CONCURRENCY}", "--set", "llm.timeout_s=1"]  # fmt: skip
        with (self._scratch / "stderr").open("ab") as errors:
            return subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True, env=environment()
            )

    def kill(self, when: float | Callable[[Path], bool]) -> Kill:
        """Kill a fresh run after some seconds or once something is true of its folder, then run it to its end."""
        run = Path(tempfile.mkdtemp(prefix="killed-", dir=self._scratch)) / "run"
        with ScriptedServer(self._script) as server:
            process, started = self.start(run, server.url), time.monotonic()
            while process.poll() is None and not is_due(when, started, run):
                time.sleep(0.01)
            hit = process.poll() is None
            if hit:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            moment = time.monotonic() - started
            time.sleep(0.3)  # what was under way comes to its end at the server
            committed = usable_prompts(run / ".llm.sqlite")
            before = {prompt: server.calls[prompt] for prompt in committed}
            self._finish(run, server.url)
            lost = sum(server.calls[prompt] > count for prompt, count in before.items())
            paid_twice = sum(count - 1 for count in server.answered.values() if count > 1)
        differing = compare(self._scratch / "undisturbed" / "dataset", run / "dataset")
        shutil.rmtree(run.parent)
        return Kill(round(moment, 2), hit, len(committed), lost, paid_twice, differing)

    def _finish(self, run: Path, url: str) -> None:
        code = self.start(run, url).wait()
        if code:
            raise SystemExit(f"exit code {code}\n{(self._scratch / 'stderr').read_text()[-3000:]}")


def usable_prompts(path: Path) -> set[str]:
    """Return the hashes of the prompts, as the server has them, whose usable answers a store holds."""
    if not path.exists():
        return set()
    found = set()
    with snapshot(path) as store:
        calls = dict(store._connection.execute("SELECT key, messages FROM calls"))
        for key, history in store.histories(list(calls)).items():
            prompt = json.loads(calls[key])[-1][1]
            n = len(json.loads(prompt.rsplit("\n", 1)[1])["queries"])
            answers = (attempt.answer for attempt in history if attempt.outcome == ANSWER)
            if any(read_queries(answer.text, finish=answer.finish, n=n).fault is None for answer in answers):
                found.add(hashlib.sha256(prompt.encode()).hexdigest())
    return found


def main() -> None:
    """Kill, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    draw = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="embedtune-llm-kills-") as scratch:
        runs = Runs(Path(scratch))
        rows: list[Kill] = []
        for _ in range(arguments.kills):
            rows.append(runs.kill(draw.uniform(0, runs.seconds)))
            print(rows[-1], flush=True)
            write(rows, runs.seconds, arguments.seed)  # each time, so that a kill of this script loses nothing either
    print((ROOT / "benchmarks" / "llm_kills.md").read_text())


def write(rows: list[Kill], seconds: float, seed: int) -> None:
    """Write the table for people and the one for programs."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    result: dict[str, Any] = {
        "schema_version": 1, "seed": seed, "machine": machine, "concurrency": CONCURRENCY, "seconds_undisturbed": round(seconds, 1),
        "kills": [row._asdict() for row in rows],
    }  # fmt: skip
    (ROOT / "benchmarks" / "llm_kills.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    asking = [row for row in rows if row.committed]
    lines = [
        "| what | wanted | found |",
        "|---|---|---|",
        f"| kills, of them while the process ran, with answers in the store | | {len(rows)}, {sum(row.hit for row in rows)}, {len(asking)} |",
        f"| datasets with other bytes than the undisturbed one | 0 | {sum(bool(row.differing) for row in rows)} |",
        f"| committed answers that were asked for again, of {sum(row.committed for row in rows)} | 0 | {sum(row.lost for row in rows)} |",
        f"| answers paid twice by a kill at most | ≤ {CONCURRENCY} (in flight) | {max(row.paid_twice for row in rows)} |",
        "",
        f"SIGKILL at moments drawn evenly over a run of {seconds:.0f} s, seed {seed}; 37 % of the calls go wrong; {machine}.",
    ]
    (ROOT / "benchmarks" / "llm_kills.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
