"""The words of the project as value types; see ``docs/glossary.md``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]
    """Scores or vectors in single precision, one row for each query or text."""

    Vectors = NDArray[np.float32]
    """Embeddings ``(n, dim)``, each row of length 1."""

    Floats = NDArray[np.float64]
    """Figures of measures, one for each query."""
else:
    Matrix = Vectors = Floats = Any  # numpy is left to the modules that compute, so that --help is quick

Progress = Callable[[int], None]
"""Called with the number of items that are done since the last call."""

Qrels = dict[str, dict[str, int]]
"""Judgements: query id → passage or document id → grade (0 means judged and not relevant)."""

Run = dict[str, dict[str, float]]
"""What one system returned: query id → passage or document id → score, higher is better."""

SPLITS = ("train", "dev", "test")

LABELLED = "source"
"""Kind of the queries that people wrote and judged: they came with the corpus or as a set."""

KINDS_OF_PEOPLE = (LABELLED, "typed")  # queries that came with the corpus or as a set, or were typed on the page
SYNTHETIC_KINDS = ("heading", "span", "keyphrase", "sentence")
"""Kinds of queries that were cut out of their passage; all others were written, by people or by a language model."""

PATH_SEPARATOR = " › "
"""Between the headings of a path, in passage titles."""


class Section(NamedTuple):
    """A stretch of text under one heading.

    Attributes:
        headings: The path from the outermost heading to this one; empty before the first heading.
        start: First character of the body, after the heading's own lines.
        end: One past the last character of the body.
    """

    headings: tuple[str, ...]
    start: int
    end: int


class Document(NamedTuple):
    """One source file, or one entry of a ready-made corpus.

    Attributes:
        document_id: File path relative to the source folder, or the source's own id.
        title: Title, or an empty string.
        text: Whole text, free of markup.
        sections: In reading order, the parts of the text under each heading path; none means the whole text is one.
        pages: First character of each page, slide or sheet, ascending; none means the text has no pages.
        offset: Where the text begins in the file, if that came in parts; the parts follow each other and share their id.
        notes: What a person should know about the reading: what was left out, and how a table was understood.
    """

    document_id: str
    title: str
    text: str
    sections: tuple[Section, ...] = ()
    pages: tuple[int, ...] = ()
    offset: int = 0
    notes: tuple[str, ...] = ()


class Note(NamedTuple):
    """What a person should know about the reading of a document."""

    document_id: str
    text: str


class Skipped(NamedTuple):
    """A file that was not read, and why."""

    document_id: str
    reason: str


class Place(NamedTuple):
    """Where a text stands in a document.

    Attributes:
        document_id: The document.
        start: First character in it.
        end: One past the last character.
    """

    document_id: str
    start: int
    end: int


class Passage(NamedTuple):
    """The unit of retrieval.

    Attributes:
        passage_id: ``p-`` and a content hash.
        document_id: The document it was cut from.
        title: Title or heading path (``Title › Section``); encoded in front of the text.
        text: The text, a slice of the document: ``document.text[start:end]``.
        start: First character in the document.
        end: One past the last character in the document.
        page: The page, slide or sheet on which it starts, from 1; None where the document has none.
    """

    passage_id: str
    document_id: str
    title: str
    text: str
    start: int
    end: int
    page: int | None = None

    @property
    def full_text(self) -> str:
        """Title and text as every retriever sees them."""
        return f"{self.title}\n{self.text}" if self.title else self.text


class Query(NamedTuple):
    """What is searched for.

    Attributes:
        query_id: ``q-`` and a content hash, or the source's own id.
        text: The query as typed.
        kind: How it was made (``heading``, ``span``, …), or ``source`` for a query that came with the corpus.
    """

    query_id: str
    text: str
    kind: str

    @property
    def came_with_label(self) -> bool:
        """Whether people wrote and judged it, in place of rules or a language model."""
        return self.kind == LABELLED


@dataclass(frozen=True)
class QuerySet:
    """Queries with their judgements.

    Attributes:
        name: Where they come from, for tables.
        queries: In reading order.
        qrels: By query id; every query of ``queries`` has an entry.
        judged_unit: ``passage`` or ``document``: what the ids of the qrels name.
    """

    name: str
    queries: list[Query]
    qrels: Qrels
    judged_unit: str

    def subset(self, queries: Iterable[Query]) -> QuerySet:
        """Return some of the queries, with their judgements."""
        kept = list(queries)
        qrels = {query.query_id: self.qrels[query.query_id] for query in kept}
        return QuerySet(self.name, kept, qrels, self.judged_unit)


@dataclass(frozen=True)
class Source:
    """What was read from where the user pointed.

    Attributes:
        name: The path or name as given.
        documents: In a stable order; each pass reads them anew from memory or disk.
        ready_made: True when each document is one passage already (BEIR, LlamaIndex JSON) and must not be cut.
        skipped: Files that were not read.
        notes: What to know about those that were.
        queries: By split, the labelled queries that came with it; their qrels judge documents, or texts in them.
        places: Judged text, by the name that qrels give it → where it stands in documents.
        has_labels: Whether the queries come from label files, which are given to be trained on.
        n_added: Documents that are texts of label files which stand in no other document.
    """

    name: str
    documents: Collection[Document]
    ready_made: bool
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    queries: dict[str, QuerySet] = field(default_factory=dict)
    places: dict[str, list[Place]] = field(default_factory=dict)
    has_labels: bool = False
    n_added: int = 0


class TextEncoder(Protocol):
    """Anything that encodes queries and passages to unit vectors ``(n, dim)``."""

    def encode_queries(self, texts: Sequence[str], on_progress: Progress | None = None) -> Vectors:
        """Encode queries."""
        ...

    def encode_documents(self, texts: Sequence[str], on_progress: Progress | None = None) -> Vectors:
        """Encode passages."""
        ...
