"""Judgements on disk: a BEIR folder, with a file of grades for each judge beside it.

``qrels/test.tsv`` is what the judges agree on; ``judges/NAME.tsv`` has the grades of one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from embedtune.documents.text_builder import one_line
from embedtune.errors import ConfigError
from embedtune.formats import beir
from embedtune.formats.judgements import check_judged
from embedtune.project.writing import replace_file, writing
from embedtune.shown import without_commands
from embedtune.text.hashing import content_id
from embedtune.types import Passage, Qrels, Query
from embedtune.ui.agreement import consensus

KIND = "typed"
"""How these queries were made: a person typed them."""

UNNAMED = "judge"
"""Who judges without a name, and who judged before there were names."""

_JUDGES = "judges"
_SPLIT = "test"
_LOCK = ".lock"
_NAME = re.compile(r"\w[\w.-]{0,39}")


def judge_name(text: str) -> str:
    """Return a judge's name as files have it; raises ``ConfigError`` if it can be none."""
    name = "-".join(text.split()) or UNNAMED
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{text[:60]!r}: expected a name of at most 40 letters and digits, found other characters")
    return name


class JudgementFolder:
    """Queries in the order in which they came, and grades by query id; the folder is made with the first query.

    Attributes:
        queries: All of them.
        by_judge: Judge → query id → passage id → grade.
    """

    def __init__(self, folder: Path, passages: list[Passage]) -> None:
        """Open a folder, or one that is yet to be made, of judgements of these passages.

        Raises:
            DataError: If a file is malformed, or judges another corpus.
            ResourceError: If the folder cannot be read.
        """
        self.folder = folder
        self.queries: list[Query] = []
        self.by_judge: dict[str, Qrels] = {}
        self._read()
        if self.qrels:
            check_judged(str(folder), self.qrels, [passage.passage_id for passage in passages])

    @property
    def qrels(self) -> Qrels:
        """Query id → passage id → grade, on which the judges agree; see ``agreement.consensus``."""
        return consensus(self.by_judge)

    def refresh(self) -> None:
        """Read again what other processes may have written."""
        self._read()

    def ask(self, text: str) -> Query:
        """Note a query; one that is there already is returned as it is.

        Blanks at its ends, line breaks and characters that are no text are dropped. Raises ``ConfigError`` if nothing is left.
        """
        return self.ask_all([text])[0]

    def ask_all(self, texts: Iterable[str]) -> list[Query]:
        """Note several queries at once; see ``ask``."""
        plain = [one_line(without_commands(text)) for text in texts]
        if not plain or not all(plain):
            raise ConfigError("query: expected words, found none")
        with self._writing():
            known = {query.text: query for query in self.queries}
            new = {words: Query(content_id("q", words), words, KIND) for words in plain if words not in known}
            if new:
                self.queries.extend(new.values())
                self._replace("queries.jsonl", beir.query_lines(self.queries))
        return [(known | new)[words] for words in plain]

    def grade(self, query_id: str, passage_id: str, grade: int, judge: str = UNNAMED) -> None:
        """Write down a judge's grade; an earlier one of the same passage is replaced."""
        with self._writing():
            self.by_judge.setdefault(judge, {}).setdefault(query_id, {})[passage_id] = grade
            self._write_qrels(judge)

    def withdraw(self, query_id: str, passage_id: str, judge: str = UNNAMED) -> None:
        """Take a judge's grade back."""
        with self._writing():
            own = self.by_judge.get(judge, {})
            own.get(query_id, {}).pop(passage_id, None)
            self.by_judge[judge] = {name: grades for name, grades in own.items() if grades}
            self._write_qrels(judge)

    def _write_qrels(self, judge: str) -> None:
        for name, own in self.by_judge.items():
            file = f"{_JUDGES}/{name}.tsv"
            if name == judge or not (self.folder / file).exists():  # those of before there were judges
                self._replace(file, beir.qrels_lines(own))
        self._replace(f"qrels/{_SPLIT}.tsv", beir.qrels_lines(self.qrels))

    def _read(self) -> None:
        if (self.folder / "queries.jsonl").exists():
            self.queries = beir.read_queries(self.folder)
        files = sorted((self.folder / _JUDGES).glob("*.tsv"))
        self.by_judge = {path.stem: beir.read_qrels(path) for path in files if _NAME.fullmatch(path.stem)}
        if not files and (self.folder / "qrels" / f"{_SPLIT}.tsv").exists():
            self.by_judge = {UNNAMED: beir.read_qrels(self.folder / "qrels" / f"{_SPLIT}.tsv")}

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Keep other writers out, and see first what they wrote."""
        with writing(self.folder, hint="free disk space, or choose another folder with --judgements"):
            for name in ("qrels", _JUDGES):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / _LOCK):
                self._read()
                yield

    def _replace(self, name: str, lines: Iterable[str]) -> None:
        replace_file(self.folder / name, "".join(lines).encode())
