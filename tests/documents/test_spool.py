from __future__ import annotations

import pytest

from embedtune.documents.spool import Spool
from embedtune.errors import ResourceError
from embedtune.records import Document, Section

DOCUMENTS = [
    Document("a.pdf", "Tank", "Fill it.\nNow.", (Section(("Tank", "Water"), 0, 8),), (0, 9)),
    Document("b.txt", "", "東京 \u2028 \ud800"),
    Document("b.txt", "", "more", (), (), 7),
]


@pytest.mark.parametrize("in_memory", [1 << 20, 10])
def test_documents_come_back_as_often_as_they_are_asked_for(tmp_path, monkeypatch, in_memory):
    monkeypatch.setattr("embedtune.documents.spool._IN_MEMORY", in_memory)
    spool = Spool(iter(DOCUMENTS), tmp_path)
    assert list(spool) == list(spool) == DOCUMENTS
    assert list(zip(spool, spool, strict=True)) == [(each, each) for each in DOCUMENTS]
    assert DOCUMENTS[1] in spool
    assert list(tmp_path.iterdir()) == []  # the file has no name


def test_parts_of_a_document_count_once():
    assert len(Spool(DOCUMENTS)) == 2
    assert len(Spool([])) == 0


def test_full_disk_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr("embedtune.documents.spool._IN_MEMORY", 10)
    with pytest.raises(ResourceError, match="expected room for the text of the documents, found"):
        Spool(DOCUMENTS, tmp_path / "none")
