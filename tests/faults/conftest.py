"""All stages with a tiny model, to be killed, stopped and damaged."""

from __future__ import annotations

import sys
from contextlib import redirect_stderr
from importlib import import_module
from io import StringIO
from pathlib import Path

import pytest

from embedtune import cli
from tests.faults.kill_runs import WARM, Case, Fork, Stages


class FinishedHere(Stages):
    """Only what is killed needs a process of its own, a fork; before and after that, the command lines run in this one."""

    def start(self, case: Case, run: Path) -> Fork:  # type: ignore[override]
        """Start a stage in a process group of its own, which finds the libraries loaded."""
        return Fork(self.command(case, run), self.scratch / "stderr")

    def finish(self, case: Case, run: Path) -> None:
        """Run a stage to its end."""
        with pytest.MonkeyPatch.context() as patch, redirect_stderr(StringIO()) as said:
            patch.setattr(sys, "argv", ["embedtune", *self.command(case, run)[3:]])
            with pytest.raises(SystemExit) as exit_:
                cli.main()
        assert exit_.value.code == 0, said.getvalue()


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory, document_folder) -> Stages:
    for name in WARM:
        import_module(name)
    return FinishedHere(tmp_path_factory.mktemp("stages"), str(document_folder))
