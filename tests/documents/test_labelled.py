"""Labels beside documents: what they judge is looked up, and what stands nowhere becomes a passage."""

from __future__ import annotations

import base64
import json
import logging
import random

import pytest

from embedtune.documents.labelled import judge_passages, judged_passages, with_labels
from embedtune.documents.reading import read_source
from embedtune.errors import DataError
from embedtune.formats.label_files import read_labels
from embedtune.types import Document, Passage, Place, Source

DOCUMENTS = [
    Document("help/tank.md", "Tank", "Fill the tank with **cold** water.\n\nRinse it once a week."),
    Document("Größe.md", "", "Die Größe der Pumpe: 東京都の水道局は水を配る。"),
]
SOURCE = Source("docs", DOCUMENTS, ready_made=False)


@pytest.fixture
def warnings(monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("embedtune"), "propagate", True)
    return caplog


def labels(tmp_path, text, name="labels.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_labels(path)


@pytest.mark.parametrize("name", ["help/tank.md", "docs/help/tank.md", "./help/tank", "tank.md", "TANK", "Tank"])
def test_documents_are_found_by_name(tmp_path, name):
    source = with_labels(SOURCE, labels(tmp_path, f"query,document,clicks\nfill?,{name},12\n"))
    assert list(source.queries["train"].qrels.values()) == [{"help/tank.md": 2}]
    assert (source.has_labels, source.n_added, source.documents) == (True, 0, DOCUMENTS)


def test_texts_that_stand_nowhere_become_documents_and_are_counted(tmp_path, warnings):
    rows = (
        "query,positive,negative\nfill?,Fill the tank with cold water,Use hot water.\nfill?,Use milk!,Use hot water.\n"
    )
    source = with_labels(SOURCE, labels(tmp_path, rows))
    added = list(source.documents)[len(DOCUMENTS) :]
    assert added == [
        Document("labels.csv:2", "", "Use hot water."),
        Document("labels.csv:3", "", "Use milk!"),
    ]
    (grades,) = source.queries["train"].qrels.values()
    (key,) = source.places
    assert grades == {key: 1, "labels.csv:2": 0, "labels.csv:3": 1}
    assert source.places[key] == [Place("help/tank.md", 0, 33)]
    path = tmp_path / "labels.csv"
    assert warnings.messages == [f"{path}: texts that stand in no document of docs become passages: 2"]


def test_a_column_of_document_names_holds_no_texts(tmp_path, warnings):
    rows = "query,document,clicks\nfill?,tank.md,1\nfill?,gone.md,1\nrinse?,lost.md,2\n"
    source = with_labels(SOURCE, labels(tmp_path, rows))
    assert list(source.queries["train"].qrels.values()) == [{"help/tank.md": 1}]
    assert "2 documents are not in docs, such as 'gone.md' (line 3), 'lost.md' (line 4)" in warnings.messages[0]


def test_labels_of_other_documents_are_refused(tmp_path):
    with pytest.raises(
        DataError, match=r"expected documents of docs, such as 'help/tank\.md', found only 'gone\.md' \(line 2"
    ):
        with_labels(SOURCE, labels(tmp_path, "query,document_id\nfill?,gone.md\n"))
    with pytest.raises(DataError, match="expected texts, or a corpus beside the file, found only 'gone") as caught:
        labels(tmp_path, "query,document_id\nfill?,gone.md\n")
        read_source(str(tmp_path / "labels.csv"))
    assert "--labels" in caught.value.hint


def test_splits_are_those_that_files_are_named_by(tmp_path):
    text = "query,positive\nfill{0}?,Fill the tank with cold water{0}\n"
    parts = {name: labels(tmp_path, text.format(name), f"{name}.csv") for name in ("train", "dev", "test")}
    assert with_labels(SOURCE, [*parts["train"], *parts["test"]]).queries.keys() == {"train", "test"}
    found = with_labels(SOURCE, [*parts["dev"], *parts["test"]]).queries
    assert [query.text for query in found["train"].queries] == ["filldev?"]
    assert [query.text for query in found["test"].queries] == ["filltest?"]
    assert with_labels(SOURCE, parts["test"]).queries.keys() == {"train"}


def test_passages_that_hold_most_of_a_text_are_judged():
    passages = [Passage(f"p{n}", "d", "", "x" * 10, 10 * n, 10 * n + 10) for n in range(4)]
    places = {"most of one": [Place("d", 8, 19)], "two": [Place("d", 0, 20)], "spread": [Place("d", 9, 12)]}
    members = judged_passages(passages, places)
    assert [members[name] for name in places] == [["p1"], ["p0", "p1"], ["p1"]]
    assert members["d"] == ["p0", "p1", "p2", "p3"]
    source = Source("s", [], ready_made=False)
    assert judged_passages(passages, source.places)["p2"] == ["p2"]


def test_label_files_among_documents_are_skipped_and_pointed_at(tmp_path):
    (tmp_path / "tank.md").write_text("# Tank\n\nFill it.\n")
    (tmp_path / "pairs.jsonl").write_text('{"query": "a?", "pos": ["x"], "neg": ["y"]}\n')
    (tmp_path / "pairs.parquet").write_bytes(b"PAR1")
    source = read_source(str(tmp_path))
    assert [document.document_id for document in source.documents] == ["tank.md"]
    reasons = dict(source.skipped)
    assert reasons["pairs.jsonl"] == "labels (query, pos, neg), no document; give the file with --labels"
    assert reasons["pairs.parquet"] == "no reader for .parquet"


def test_a_file_that_is_given_as_labels_is_no_document(tmp_path):
    (tmp_path / "tank.md").write_text("# Tank\n\nFill the tank with water.\n")
    (tmp_path / "faq.csv").write_text("question,answer\nhow?,fill the tank with water\n")
    source = read_source(str(tmp_path), labels=[str(tmp_path / "faq.csv")], strict=True)
    assert [document.document_id for document in source.documents] == ["tank.md"]
    assert source.skipped == [("faq.csv", "given as labels")]
    assert len(read_source(str(tmp_path)).documents) == 2


def test_label_files_are_a_source(tmp_path):
    (tmp_path / "pairs.jsonl").write_text('{"query": "a?", "pos": ["x"], "neg": ["y"]}\n')
    for path in (tmp_path / "pairs.jsonl", tmp_path):
        source = read_source(str(path))
        assert [document.text for document in source.documents] == ["x", "y"]
        assert (source.ready_made, source.has_labels, source.n_added) == (True, True, 0)
    passages = [Passage("p", "pairs.jsonl:1", "", "x", 0, 1)]
    found = judge_passages(source.queries["train"], judged_passages(passages, source.places))
    assert list(found.qrels.values()) == [{"p": 1}]


PICTURE = base64.b64encode(random.Random(0).randbytes(3000)).decode()


def test_encoded_data_is_left_out_of_texts_of_labels_as_of_documents(tmp_path):
    text = f"Rinse the tank. {PICTURE} Then fill it."
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "tank.md").write_text(f"# Tank\n\n{text} It holds two litres.\n")
    rows = [{"query": "rinse?", "pos": [text]}, {"query": "picture?", "pos": [f"A picture: {PICTURE}"]}]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    beside = read_source(str(tmp_path / "docs"), labels=[str(tmp_path / "pairs.jsonl")])
    alone = read_source(str(tmp_path / "pairs.jsonl"))
    assert [place.document_id for places in beside.places.values() for place in places] == ["tank.md"]
    assert [document.text for document in alone.documents] == ["Rinse the tank.  Then fill it.", "A picture: "]
    assert ("pairs.jsonl", "8,000 characters of encoded data (base64 or hexadecimal) were left out") in alone.notes
