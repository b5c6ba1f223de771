"""Run folders that somebody else made: they bring code, trust themselves, and their hashes fit. No door may run the code."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from embedtune.errors import EmbedtuneError
from embedtune.project.manifest import MANIFEST, _outputs, _sealed, write_json

CODE = """
import os, pathlib
pathlib.Path(os.environ["CANARY"]).write_text("this code was run")
from sentence_transformers.sentence_transformer.modules import Transformer
class Other(Transformer):
    pass
"""


def reseal(stage: Path, change: Callable[[dict[str, object]], None] = lambda manifest: None) -> None:
    """Change a stage's manifest and make its hashes fit again, as anybody can who knows the form."""
    manifest = json.loads((stage / MANIFEST).read_text(encoding="utf-8"))
    change(manifest)
    manifest["outputs"] = _outputs(stage)
    write_json(stage / MANIFEST, _sealed(manifest))


def _trust(manifest: dict) -> None:
    manifest["identity"]["config"]["trust_remote_code"] = True


def bring_module(model: Path) -> None:
    """Let a model folder name a class of a file that it brings."""
    modules = json.loads((model / "modules.json").read_text(encoding="utf-8"))
    modules[0]["type"] = "other.Other"
    (model / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    (model / "other.py").write_text(CODE, encoding="utf-8")


def _in_merged(run: Path) -> None:
    bring_module(run / "model" / "merged")


def _within(run: Path) -> None:
    dense = run / "model" / "merged" / "dense"
    bring_module(dense if dense.is_dir() else run / "model" / "merged")


def _in_base(run: Path) -> None:
    base = Path(
        shutil.copytree(
            json.loads((run / "dataset" / MANIFEST).read_text())["identity"]["config"]["model"], run.parent / "base"
        )
    )
    bring_module(base)

    def name(manifest: dict) -> None:
        manifest["identity"]["config"]["model"] = str(base)

    reseal(run / "dataset", name)


def _in_settings(run: Path) -> None:
    def trust(manifest: dict) -> None:
        manifest["identity"].setdefault("config", {})["trust_remote_code"] = True

    reseal(run / "model", trust)
    _in_merged(run)


WAYS: Mapping[str, Callable[[Path], None]] = {
    "merged": _in_merged, "dense": _within, "base": _in_base, "settings-of-train": _in_settings,
}  # fmt: skip


def make_foreign(made: Path, run: Path, way: str) -> None:
    """Copy a finished run and let it bring code and trust itself."""
    shutil.copytree(made, run)
    WAYS[way](run)
    reseal(run / "dataset", _trust)
    reseal(run / "model")


def doors(run: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what opens a run, by name."""
    from embedtune import cli
    from embedtune.serving.adapters import Adapters
    from embedtune.serving.embedder import Embedder
    from embedtune.serving.retriever import Retriever
    from embedtune.serving.windows import load_rows

    def command(*words: object) -> Callable[[], object]:
        def call() -> None:
            before, sys.argv = sys.argv, ["embedtune", *map(str, words)]
            try:
                cli.main()
            finally:
                sys.argv = before

        return call

    yield "compare", command("compare", run, "a question", "--system", "tuned")
    yield "eval", command("eval", run, "--force", "-q")
    yield "train", command("train", run, "--method", "pca", "--dry-run", "-q")
    yield "mine", command("mine", run, "--model", "tuned", "--force", "-q")
    for target in ("sentence-transformers", "txtai"):
        yield f"plug {target}", command("plug", run, "--for", target, "--check")
    yield "plug --export", command("plug", run, "--for", "tei", "--export", run.parent / "exported")
    yield "verify", command("verify", run)
    yield "Embedder", lambda: Embedder.from_run(run).encode_query("a question")
    yield "Embedder of the base", lambda: Embedder.from_run(run, "base").encode_query("a question")
    yield "Retriever", lambda: Retriever.from_run(run, "tuned").retrieve("a question")
    yield "load_rows", lambda: load_rows(run)
    yield "Adapters", lambda: Adapters.from_runs({"one": run})["one"].encode_query("a question")


def executed(made: Path, scratch: Path) -> tuple[int, list[str]]:
    """Open foreign copies of a run by every door; return how often, and where the code ran."""
    tried, ran = 0, []
    scratch.mkdir(exist_ok=True)
    canary = scratch / "canary"
    os.environ["CANARY"] = str(canary)
    for way in WAYS:
        run = scratch / way / "run"
        make_foreign(made, run, way)
        for name, door in doors(run):
            tried += 1
            try:
                with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
                    door()
            except (EmbedtuneError, SystemExit):
                pass
            if canary.exists():
                ran.append(f"{way}: {name}")
                canary.unlink()
    return tried, ran
