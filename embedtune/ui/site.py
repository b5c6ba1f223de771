"""What the page keeps in memory between requests: open runs, who judges what, and files that are coming."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from embedtune.project.layout import DATASET, EVAL, MODEL
from embedtune.project.manifest import MANIFEST
from embedtune.ui.browsing import Browsing
from embedtune.ui.judgement_folder import JudgementFolder
from embedtune.ui.judging import Judging
from embedtune.ui.roots import Root
from embedtune.ui.run_comparison import RunComparison
from embedtune.ui.snippet_checks import SnippetChecks
from embedtune.ui.uploads import Uploads

JUDGEMENTS = "judgements"
"""Where judgements go below a run, if nowhere else."""

_MOST_OPEN = 3  # sets of runs in memory, each with its models


class OpenRuns:
    """Runs over one corpus, in memory, with their evaluations."""

    def __init__(self, folders: Sequence[Path], *, trust_remote_code: bool) -> None:
        self.runs = RunComparison(folders, trust_remote_code=trust_remote_code)
        self.browsing = Browsing(self.runs)
        self.judging: dict[str, Judging] = {}


class Site:
    """The page over one root.

    Attributes:
        turn: Held by whoever works with models: tokenizers cannot be shared, and one call uses all cores anyway.
    """

    def __init__(self, root: Root, *, judgements: Path | None = None, trust_remote_code: bool = False) -> None:
        """Serve a root; judgements go into the folder given, or into one below the run."""
        self.root = root
        self.uploads = Uploads(root)
        self.checks = SnippetChecks()
        self.turn = threading.RLock()
        self._judgements = judgements
        self._trust = trust_remote_code
        self._open: dict[tuple[tuple[str, int], ...], OpenRuns] = {}

    def opened(self, runs: Sequence[Path]) -> OpenRuns:
        """Return runs that are open; a run that was worked on since is opened anew.

        Raises:
            EmbedtuneError: As ``RunComparison`` does.
        """
        key = tuple((str(run), _written(run)) for run in runs)
        with self.turn:
            if key not in self._open:
                found = OpenRuns(runs, trust_remote_code=self._trust)
                while len(self._open) >= _MOST_OPEN:
                    del self._open[next(iter(self._open))]
                self._open[key] = found
            return self._open[key]

    def judgements_of(self, run: Path) -> Path:
        """Return the folder of a run's judgements."""
        return self._judgements or run / JUDGEMENTS

    def judging(self, runs: Sequence[Path], judge: str) -> Judging:
        """Return one person's judging of the pools of runs."""
        opened = self.opened(runs)
        with self.turn:
            if judge not in opened.judging:
                folder = JudgementFolder(self.judgements_of(runs[0]), opened.runs.first.passages)
                expected = opened.browsing.differences()
                opened.judging[judge] = Judging(opened.runs, folder, judge=judge, expected=expected)
            opened.judging[judge].folder.refresh()
            return opened.judging[judge]


def _written(run: Path) -> int:
    """Return what changes whenever a stage is written."""
    files = (run / stage / MANIFEST for stage in (DATASET, MODEL, EVAL))
    return sum(file.stat().st_mtime_ns for file in files if file.is_file())
