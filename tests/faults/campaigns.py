"""What somebody else could do to us, tried and counted.

    python -m tests.faults.campaigns

adds its counts to ``benchmarks/faults.json`` and its table to ``benchmarks/faults.md``: runs of others that bring code, names of
others that hold commands, stages of different runs, model folders that are broken or hostile, and patterns on texts that could
take for ever.
"""

from __future__ import annotations

import io
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

import embedtune
from embedtune import cli
from embedtune.documents.chunking import chunk_documents
from embedtune.errors import ConfigError
from embedtune.models.encoder import Encoder, load_model
from embedtune.models.opening import open_model
from embedtune.snippets.routes import TARGETS
from tests.conftest import _SUBJECTS, _document_text, _with_sections
from tests.faults import results
from tests.faults.foreign_runs import executed
from tests.faults.kill_runs import make_model
from tests.faults.test_foreign_text import NAMES, raw
from tests.models.test_opening import BROKEN
from tests.repo.slow_patterns import AROUND, PIECES, patterns, slow
from tests.served_runs import make_served_run
from tests.small_runs import make_dataset, train_nothing

_SECONDS = 30
_MEANING = {
    "payloads": "names with commands to a terminal, a shell or Python, in every target and ten commands; succeeded",
    "mixed_stages": "measuring and verifying a model of another dataset; accepted",
    "foreign_runs": "doors to runs that bring code and trust themselves; executed it",
    "model_folders": "broken and hostile model folders; tracebacks and hangs",
    "slow_text": "patterns of the package, each on 480 texts that repeat a piece; slower than linear",
}


def command(*words: object) -> tuple[int, str]:
    """Run a command line here; return its exit code and all that it printed."""
    said, before = io.StringIO(), sys.argv
    sys.argv = ["embedtune", *map(str, words)]
    try:
        with redirect_stdout(said), redirect_stderr(said):
            cli.main()
    except SystemExit as exit_:
        return int(exit_.code or 0), said.getvalue()
    finally:
        sys.argv = before
    return 0, said.getvalue()


def foreign_runs(made: dict[str, Path], scratch: Path) -> dict[str, int]:
    """Open runs that bring code."""
    found = [executed(run, scratch / f"foreign-{method}") for method, run in made.items()]
    return {"tried": sum(tried for tried, _ in found), "executed": sum(len(ran) for _, ran in found)}


def payloads(made: dict[str, Path], scratch: Path) -> dict[str, int]:
    """Print code and results of runs whose folders have commands for names."""
    tried = succeeded = 0
    for name in NAMES:
        run = Path(shutil.copytree(made["lora"], scratch / "named" / name / "run"))
        asked = [("plug", run, "--for", target) for target in TARGETS]
        asked += [("compare", run, name), ("status", run), ("verify", run), ("eval", run, "--dry-run"), ("plug", run, "--json"),
                  ("train", run, "--set", f"{name}=1"), ("export-model", run, run / "x"), ("plug", run, "--for", name),
                  ("generate", scratch / name, "--out", scratch / "none"), (name,)]  # fmt: skip
        for words in asked:
            _, said = command(*words)
            tried += 1
            is_code = words[0] == "plug" and "--json" not in words
            succeeded += bool(raw(said)) or (is_code and any(line.startswith("open(") for line in said.splitlines()))
    return {"tried": tried, "succeeded": succeeded}


def mixed_stages(scratch: Path) -> dict[str, int]:
    """Measure and verify a model of another dataset."""
    run, source = scratch / "mixed" / "run", scratch / "mixed" / "documents"
    source.mkdir(parents=True)
    for number, (thing, *_) in enumerate(_SUBJECTS):
        (source / f"{number:02d} {thing}.md").write_text(_document_text(number), encoding="utf-8")
    (scratch / "mixed" / "base").mkdir()
    base = make_dataset(run, source, scratch / "mixed" / "base")
    train_nothing(run, base, noise=0.02)
    settings = {"source": str(source), "model": str(base), "window_tokens": 48}
    tried = accepted = 0
    for seed in range(1, 4):
        embedtune.generate(embedtune.GenerateConfig(**settings, seed=seed), run)
        for words in (("eval", run), ("eval", run, "--force"), ("eval", run, "--dry-run"), ("verify", run)):
            tried += 1
            accepted += command(*words)[0] != 7
    return {"tried": tried, "accepted": accepted}


@contextmanager
def _at_most(seconds: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def model_folders(scratch: Path) -> dict[str, int]:
    """Open model folders that are broken in one way each."""
    (scratch / "models").mkdir()
    base = make_model(scratch / "models")
    counts = {"tried": 0, "tracebacks": 0, "hangs": 0}
    for name, break_ in BROKEN.items():
        model = Path(shutil.copytree(base, scratch / "models" / name))
        break_(model)
        counts["tried"] += 1
        try:
            with _at_most(_SECONDS):
                open_model(model)
        except ConfigError:
            continue
        except TimeoutError:
            counts["hangs"] += 1
        except Exception:
            counts["tracebacks"] += 1
    return counts


def slow_text() -> dict[str, int]:
    """Search every pattern on texts that repeat a piece."""
    found = [slow(pattern, 4_000) for _, pattern in patterns()]
    return {"tried": len(found) * len(PIECES) * len(AROUND), "slow": sum(text is not None for text in found)}


def served(scratch: Path) -> dict[str, Path]:
    """Make the runs that are attacked."""
    (scratch / "tokenizing").mkdir()
    encoder = Encoder(load_model(make_model(scratch / "tokenizing")))
    documents = [_with_sections(f"{number:02d}.md", _document_text(number)) for number in range(len(_SUBJECTS))]
    passages = [each.passage for each in chunk_documents(documents, encoder.token_counts, 48)]
    made = {}
    for method in ("lora", "hybrid-vector"):
        (scratch / method).mkdir()
        make_served_run(scratch / method / "run", passages, scratch / method, method=method)
        made[method] = scratch / method / "run"
    return made


def main() -> None:
    """Try everything, and write the counts."""
    with tempfile.TemporaryDirectory(prefix="embedtune-campaigns-") as name:
        scratch = Path(name)
        made = served(scratch)
        steps: dict[str, Callable[[], dict[str, int]]] = {
            "payloads": lambda: payloads(made, scratch),
            "mixed_stages": lambda: mixed_stages(scratch),
            "foreign_runs": lambda: foreign_runs(made, scratch),
            "model_folders": lambda: model_folders(scratch),
            "slow_text": slow_text,
        }
        counts = {}
        for step, count in steps.items():
            counts[step] = count()
            print(step, counts[step], flush=True)
    write(counts)


def write(counts: dict[str, dict[str, int]]) -> None:
    """Put the counts beside the results of the other campaigns."""
    rows = []
    for name, found in counts.items():
        tried, *others = found.items()
        rows.append(f"| {_MEANING[name]} | {tried[1]:,} | {', '.join(f'{value} {key}' for key, value in others)} |")
    results.write(counts, ["| what others bring | tried | found |", "|---|---|---|", *rows])


if __name__ == "__main__":
    main()
