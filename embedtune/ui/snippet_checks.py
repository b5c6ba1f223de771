"""Running the code of a stack, as ``embedtune plug --check`` does, and what came of it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from embedtune.project.layout import MODEL
from embedtune.project.manifest import read_manifest
from embedtune.project.records import Record
from embedtune.ui.jobs import EMBEDTUNE

_SECONDS = 900
_LONGEST = 1_000


class SnippetChecks:
    """The results of checks, by run, target and the model that was checked."""

    def __init__(self) -> None:
        """Begin without any."""
        self._found: dict[tuple[str, str, str], str] = {}

    def find(self, run: Path, target: str) -> str:
        """Return the last result in a sentence; empty where this model was not checked."""
        return self._found.get(self._key(run, target), "")

    def check(self, run: Path, target: str) -> str:
        """Run the code in a process of its own, and return the result in a sentence."""
        command = [*EMBEDTUNE, "plug", str(run), "--for", target, "--check", "--json", "-q"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)  # noqa: S603
        except subprocess.TimeoutExpired:
            return f"Not checked: no answer within {_SECONDS} s."
        if done.returncode:
            result = "Failed: " + done.stderr.strip().removeprefix("Error: ")[:_LONGEST]
        else:
            found = json.loads(done.stdout)["check"]
            result = (
                f"Passed: {found['n_queries']} queries and {found['n_passages']} passages have the vectors of eval (largest "
                f"difference {found['difference']:.1g}) and the same top ten."
            )
        self._found[self._key(run, target)] = result
        return result

    def _key(self, run: Path, target: str) -> tuple[str, str, str]:
        return str(run), target, read_manifest(run / MODEL, Record).manifest_hash
