"""Judgements that people make, as a BEIR folder that ``embedtune eval RUN --queries FOLDER`` takes.

``queries.jsonl`` holds the queries, ``qrels/test.tsv`` the grades: 1 relevant, 0 not. Passage ids link them to the run's
corpus. Either file is whole at any time, and several processes may write: each reads what is there, adds its own and renames.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from embedtune.errors import ResourceError
from embedtune.formats import beir
from embedtune.formats.judgements import check_judged
from embedtune.project.manifest import sync
from embedtune.text.hashing import content_id
from embedtune.types import Passage, Qrels, Query

KIND = "typed"
"""How these queries were made: a person typed them."""

_SPLIT = "test"
_LOCK = ".lock"


class JudgementFolder:
    """Queries in the order in which they came, and grades by query id, on disk; the folder is made with the first query."""

    def __init__(self, folder: Path, passages: list[Passage]) -> None:
        """Open a folder, or one that is yet to be made, of judgements of these passages.

        Raises:
            DataError: If a file is malformed, or judges another corpus.
            ResourceError: If the folder cannot be read.
        """
        self.folder = folder
        self.queries: list[Query] = []
        self.qrels: Qrels = {}
        self._read()
        if self.qrels:
            check_judged(str(folder), self.qrels, [passage.passage_id for passage in passages])

    def ask(self, text: str) -> Query:
        """Note a query; one that is there already is returned as it is. Blanks at its ends and line breaks are dropped."""
        words = " ".join(text.split())
        query = Query(content_id("q", words), words, KIND)
        with self._writing():
            same = [each for each in self.queries if each.text == words]
            if same:
                return same[0]
            self.queries.append(query)
            self._replace("queries.jsonl", lambda new: beir.write_queries(new, self.queries))
        return query

    def grade(self, query_id: str, passage_id: str, grade: int) -> None:
        """Write down a grade; an earlier one of the same passage is replaced."""
        with self._writing():
            self.qrels.setdefault(query_id, {})[passage_id] = grade
            self._write_qrels()

    def withdraw(self, query_id: str, passage_id: str) -> None:
        """Take a grade back."""
        with self._writing():
            self.qrels.get(query_id, {}).pop(passage_id, None)
            self.qrels = {name: grades for name, grades in self.qrels.items() if grades}
            self._write_qrels()

    def _write_qrels(self) -> None:
        self._replace(f"qrels/{_SPLIT}.tsv", lambda new: beir.write_qrels(new, _SPLIT, self.qrels))

    def _read(self) -> None:
        if (self.folder / "queries.jsonl").exists():
            self.queries = beir.read_queries(self.folder)
        if (self.folder / "qrels" / f"{_SPLIT}.tsv").exists():
            self.qrels = beir.read_qrels(self.folder / "qrels" / f"{_SPLIT}.tsv")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Keep other writers out, and see first what they wrote."""
        try:
            (self.folder / "qrels").mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / _LOCK):
                self._read()
                yield
        except OSError as error:
            if isinstance(error, ResourceError):
                raise
            raise ResourceError(
                f"{self.folder}: expected to write judgements there, found: {error}",
                hint="free disk space, or choose another folder with --judgements",
            ) from error

    def _replace(self, name: str, write: Callable[[Path], None]) -> None:
        """Write a file to a temporary folder, and move it to its place once its bytes are safe."""
        with tempfile.TemporaryDirectory(prefix=".new-", dir=self.folder) as new:
            write(Path(new))
            sync(Path(new) / name)
            (Path(new) / name).replace(self.folder / name)
            sync((self.folder / name).parent)
