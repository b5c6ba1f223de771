"""Several runs over one corpus, open at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from embedtune.errors import ConfigError
from embedtune.project.trained_run import check_comparable, read_trained_run
from embedtune.serving.comparison import Comparison, compare
from embedtune.serving.excerpts import Excerpts
from embedtune.serving.retriever import Hit, Retriever
from embedtune.serving.run_index import RunIndex
from embedtune.systems import System

_LEXICAL = "bm25"


class RunComparison:
    """Runs that are searched side by side.

    Attributes:
        opened: Name → run, the first one first; a name is the run's folder, with its parent's where two are called alike.
        excerpts: Of the corpus that all share.
    """

    def __init__(self, folders: Sequence[Path], *, trust_remote_code: bool = False) -> None:
        """Open runs; models are loaded, and vectors made or read, when something is asked of them.

        ``trust_remote_code`` allows code of their models to run, and of runs that are added later.

        Raises:
            ConfigError: If a folder is named twice.
            DataError: If a stage is missing, or a run is over another corpus than the first.
            IntegrityError: If dataset or model were changed since they were written.
        """
        self._trust = trust_remote_code
        self.opened: dict[str, RunIndex] = {}
        self._made: dict[str, Retriever] = {}
        self._lists: dict[tuple[str, int, int], dict[str, list[Hit]]] = {}
        for folder in folders:
            self.add(folder)
        self.excerpts = Excerpts(self.first.passages)

    @property
    def first(self) -> RunIndex:
        """The run whose corpus is searched."""
        return next(iter(self.opened.values()))

    def add(self, folder: Path) -> str:
        """Open a further run and return its name."""
        if any(folder.resolve() == run.folder.resolve() for run in self.opened.values()):
            raise ConfigError(f"{folder}: expected another run, found one that is open already")
        if self.opened:
            check_comparable(read_trained_run(self.first.folder), read_trained_run(folder), own_queries=True)
        whole = folder.resolve()
        names = (whole.name, f"{whole.parent.name}/{whole.name}")
        run = RunIndex(folder, trust_remote_code=self._trust)
        name = next((name for name in names if name not in self.opened), str(whole))
        self.opened[name] = run
        return name

    def compare(self, query: str, k: int, *, systems: Sequence[str] = (), width: int = 180) -> dict[str, Comparison]:
        """Ask every run a query that is not blank: name → comparison. Marks are against the run's own base.

        ``systems`` are shown beside the base, of each run those that it has; none means those of ``usual``.
        """
        if not query.strip():
            raise ConfigError("query: expected words, found none")
        found = {}
        for name, run in self.opened.items():
            wanted = [system for system in (systems or self.usual(name)) if system in run.systems]
            found[name] = compare(run, query, k, systems=wanted or self.usual(name), width=width)
        for name, each in list(found.items())[1:]:  # of BM25 the first run's list is shown
            shown = {system: hits for system, hits in each.systems.items() if system != _LEXICAL}
            found[name] = each._replace(systems=shown, gone={system: each.gone[system] for system in shown})
        return found

    def usual(self, name: str) -> list[str]:
        """Return the systems of a run that are shown first: BM25, each model alone, hybrid and reranked with the best one."""
        run = self.opened[name]
        alone = [each for each in run.systems if System.parse(each).kind in ("bm25", "dense")]
        fused = [each for each in run.systems if System.parse(each).kind in ("hybrid", "rerank")]
        best = (
            alone[-1] if System.parse(run.decision.system).kind == "dense" else System.parse(run.decision.system).model
        )
        return list(dict.fromkeys([*alone, *(each for each in fused if System.parse(each).model == best)]))

    def lists(self, query: str, k: int) -> dict[str, list[Hit]]:
        """Return the best k passages by every system of every run; those of further runs are called ``SYSTEM:RUN``.

        What was asked before is not searched again.
        """
        key = (query, k, len(self.opened))
        if key not in self._lists:
            self._lists[key] = {name: retriever.retrieve(query, k) for name, retriever in self._retrievers().items()}
        return self._lists[key]

    def _retrievers(self) -> dict[str, Retriever]:
        """Return what searches each system of each run, made when it is first needed; BM25 is one for all."""
        for name, run in self.opened.items():
            for system in run.systems:
                known = system if run is self.first else f"{system}:{name}"
                if known not in self._made and (run is self.first or system != _LEXICAL):
                    self._made[known] = Retriever(run, system)
        return self._made
