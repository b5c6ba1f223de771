from __future__ import annotations

import pytest

from embedtune.documents.buffer import DocumentBuffer, in_blocks
from embedtune.errors import ResourceError
from embedtune.types import Document, Section

DOCUMENTS = [
    Document("a.pdf", "Tank", "Fill it.\nNow.", (Section(("Tank", "Water"), 0, 8),), (0, 9)),
    Document("b.txt", "", "東京 \u2028 \ud800"),
    Document("b.txt", "", "more", (), (), 7),
]


@pytest.mark.parametrize("in_memory", [1 << 20, 10])
def test_documents_come_back_as_often_as_they_are_asked_for(tmp_path, monkeypatch, in_memory):
    monkeypatch.setattr("embedtune.documents.buffer._IN_MEMORY", in_memory)
    buffer = DocumentBuffer(iter(DOCUMENTS), tmp_path)
    assert list(buffer) == list(buffer) == DOCUMENTS
    assert list(zip(buffer, buffer, strict=True)) == [(each, each) for each in DOCUMENTS]
    assert DOCUMENTS[1] in buffer
    assert list(tmp_path.iterdir()) == []  # the file has no name


def test_parts_of_a_document_count_once():
    assert len(DocumentBuffer(DOCUMENTS)) == 2
    assert len(DocumentBuffer([])) == 0


def test_full_disk_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr("embedtune.documents.buffer._IN_MEMORY", 10)
    with pytest.raises(ResourceError, match="expected room for the text of the documents, found"):
        DocumentBuffer(DOCUMENTS, tmp_path / "none")


def test_blocks_are_bounded_in_number_and_length_and_hold_everything_in_order():
    texts = ["a", "bb", "ccc", "dddddddd", "e", "f", "g", "h"]
    blocks = list(in_blocks(texts, len, max_items=3, max_chars=6))
    assert blocks == [["a", "bb", "ccc"], ["dddddddd"], ["e", "f", "g"], ["h"]]
    assert list(in_blocks([], len, max_items=3, max_chars=6)) == []
