"""All stages with a tiny model, to be killed, stopped and damaged."""

from __future__ import annotations

import sys
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

import pytest

from embedtune import cli
from tests.faults.kill_runs import Case, Stages


class FinishedHere(Stages):
    """Only what is killed needs a process of its own; before and after that, the command lines run in this one."""

    def finish(self, case: Case, run: Path) -> None:
        """Run a stage to its end."""
        with pytest.MonkeyPatch.context() as patch, redirect_stderr(StringIO()) as said:
            patch.setattr(sys, "argv", ["embedtune", *self.command(case, run)[3:]])
            with pytest.raises(SystemExit) as exit_:
                cli.main()
        assert exit_.value.code == 0, said.getvalue()


@pytest.fixture(scope="session")
def stages(tmp_path_factory: pytest.TempPathFactory, document_folder) -> Stages:
    return FinishedHere(tmp_path_factory.mktemp("stages"), str(document_folder))
