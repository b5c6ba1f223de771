"""The Python language reference inside CPython as a corpus: real documents on every machine, without a download."""

from __future__ import annotations

from embedtune.documents.headings import find_sections
from embedtune.types import Document

NAME = "python-reference"


def read_documents() -> list[Document]:
    """Return one document for each topic of ``pydoc_data.topics``; the topic's name is its id.

    The text is the one of the running Python, so it differs a little between versions of Python.
    """
    from pydoc_data.topics import topics

    return [_document(name, text.strip() + "\n") for name, text in sorted(topics.items())]


def _document(name: str, text: str) -> Document:
    return Document(name, "", text, tuple(find_sections(text)))
