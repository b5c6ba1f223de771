from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from pydoc_data.topics import topics

import pytest

from embedtune.documents.readers.files import ReadingLimits
from embedtune.documents.reading import read_python_reference, read_query_set, read_source
from embedtune.errors import DataError
from embedtune.types import Document, Query, QuerySet, Section, Skipped

QRELS = "query-id\tcorpus-id\tscore\n"
LLAMA = {
    "queries": {"q1": "descale", "q2": "refund"},
    "corpus": {"n1": "Text.", "n2": " "},
    "relevant_docs": {"q1": ["n1"]},
}


@pytest.fixture
def folder(tmp_path) -> Path:
    """Return a folder with one good document; tests add what is not good."""
    (tmp_path / "good.md").write_text("# Tank\n\nFill it.\n")
    return tmp_path


@pytest.fixture
def beir_folder(tmp_path) -> Path:
    rows = [
        {"_id": "d1", "title": "Tank", "text": "Fill it."},
        {"_id": "d2", "text": "Rinse."},
        {"_id": "d3", "text": " "},
    ]
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    queries = [{"_id": "q1", "text": "fill"}, {"_id": "q2", "text": "rinse"}]
    (tmp_path / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in queries))
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "train.tsv").write_text(f"{QRELS}q2\td2\t1\n")
    (tmp_path / "qrels" / "test.tsv").write_text(f"{QRELS}q1\td1\t2\nq1\td2\t0\n")
    return tmp_path


def test_folder_is_read_in_order_of_names(document_folder, documents):
    source = read_source(str(document_folder))
    assert [document.document_id for document in source.documents] == [document.document_id for document in documents]
    assert len(source.documents) == 26
    assert (source.name, source.ready_made, source.skipped, source.queries) == (str(document_folder), False, [], {})


def test_folders_inside_are_read(folder):
    (folder / "help" / "en").mkdir(parents=True)
    (folder / "help" / "en" / "refunds.TXT").write_text("Ten days.\n")
    (folder / "zebra.markdown").write_text("Stripes.\n")
    assert [d.document_id for d in read_source(str(folder)).documents] == [
        "good.md",
        "help/en/refunds.TXT",
        "zebra.markdown",
    ]


def test_byte_order_mark_goes_and_line_ends_become_plain(folder):
    (folder / "good.md").unlink()
    (folder / "good.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n")
    text = "one\ntwo\nthree\n"
    assert list(read_source(str(folder)).documents) == [Document("good.txt", "", text, (Section((), 0, len(text)),))]


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("latin.txt", b"caf\xe9 au lait", "not UTF-8: invalid continuation byte at byte 3; save it as UTF-8"),
        ("cut.txt", b"caf\xc3", "not UTF-8: unexpected end of data at byte 3; save it as UTF-8"),
        ("data.txt", b"a\0b", "not text: it holds NUL bytes"),
        ("empty.md", b"", "empty"),
        ("blank.md", b" \n\t\n", "empty"),
        ("film.mp4", b"\0\0", "no reader for .mp4"),
        ("LICENSE", b"text", "no reader for files without a suffix"),
        (".hidden.md", b"text", "hidden"),
    ],
)
def test_unusable_file_is_skipped_with_a_reason(folder, name, data, reason):
    (folder / name).write_bytes(data)
    source = read_source(str(folder))
    assert source.skipped == [Skipped(name, reason)]
    assert [document.document_id for document in source.documents] == ["good.md"]


def test_files_of_all_formats_are_read_in_one_order(folder):
    (folder / "a.html").write_text("<p>One.")
    (folder / "b.csv").write_text("a,b\n1,2\n")
    (folder / "c.pdf").write_text("no PDF")
    (folder / "sub").mkdir()
    (folder / "sub" / "d.json").write_text('{"a": 1}')
    first = read_source(str(folder))
    assert [document.document_id for document in first.documents] == ["a.html", "b.csv", "good.md", "sub/d.json"]
    assert first.skipped == [Skipped("c.pdf", "not a PDF: it looks like text")]
    again = read_source(str(folder))
    assert (list(again.documents), again.skipped) == (list(first.documents), first.skipped)


def test_limits_are_kept(folder):
    (folder / "long.csv").write_text("word " * 300_000)
    source = read_source(str(folder), limits=ReadingLimits(max_file_mb=1))
    assert source.skipped == [Skipped("long.csv", "too large: 2 MB, the limit is 1")]


def test_text_beyond_the_limits_is_one_document_in_parts(folder):
    (folder / "long.txt").write_text("word " * 300_000)
    source = read_source(str(folder), limits=ReadingLimits(max_file_mb=1, max_text_mb=1))
    parts = [document for document in source.documents if document.document_id == "long.txt"]
    assert source.skipped == []
    assert len(source.documents) == 2
    assert [part.offset for part in parts] == [0, 1_000_000]
    assert "".join(part.text for part in parts) == "word " * 300_000


def test_strict_names_every_file_that_cannot_be_read(folder):
    (folder / ".hidden").write_text("x")
    assert read_source(str(folder), strict=True).skipped == [Skipped(".hidden", "hidden")]
    for number in range(22):
        (folder / f"film {number:02}.mp4").write_text("x")
    with pytest.raises(DataError, match="found 22 that cannot be read") as caught:
        read_source(str(folder), strict=True)
    assert "  film 00.mp4: no reader for .mp4\n" in str(caught.value)
    assert str(caught.value).endswith("  and 2 more")


def test_hidden_folder_is_skipped_as_one_thing(folder):
    (folder / ".git").mkdir()
    (folder / ".git" / "a.txt").write_text("x")
    (folder / ".git" / "b.txt").write_text("x")
    assert read_source(str(folder)).skipped == [Skipped(".git", "hidden")]


def test_symbolic_links_are_not_followed(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(outside / "secret.txt")
    (folder / "links").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    (folder / "broken.txt").symlink_to(folder / "nowhere.txt")
    source = read_source(str(folder))
    assert source.skipped == [Skipped(name, "a symbolic link") for name in ("broken.txt", "link.txt", "links", "loop")]
    assert len(source.documents) == 1


def test_named_pipe_is_skipped(folder):
    os.mkfifo(folder / "pipe.txt")
    source = read_source(str(folder))
    assert source.skipped == [Skipped("pipe.txt", "not a regular file")]
    assert [document.document_id for document in source.documents] == ["good.md"]


def test_file_whose_name_is_not_utf8_is_skipped_under_a_name_that_can_be_printed(folder):
    (folder / os.fsdecode(b"caf\xe9.txt")).write_text("Open at nine.\n")
    source = read_source(str(folder))
    assert source.skipped == [Skipped("caf\ufffd.txt", "its name is not UTF-8")]
    assert [document.document_id for document in source.documents] == ["good.md"]


def test_names_in_any_script_are_read(folder):
    names = ["日本語の文書.md", "Überblick.txt", "हिन्दी.md", "☕ notes.txt"]
    for name in names:
        (folder / name).write_text("Open at nine.\n")
    source = read_source(str(folder))
    assert {document.document_id for document in source.documents} == {"good.md", *names}
    assert source.skipped == []


def test_source_that_does_not_exist_is_refused_with_a_hint(tmp_path):
    with pytest.raises(DataError, match=r"none: expected a folder of .*, a BEIR folder, .*, found nothing") as caught:
        read_source(str(tmp_path / "none"))
    assert caught.value.hint.startswith("put documents (.txt .md ")


def test_single_text_file_is_refused(folder):
    with pytest.raises(DataError, match=r"good\.md: expected .*, found a file of another kind"):
        read_source(str(folder / "good.md"))


def test_empty_folder_is_refused(tmp_path):
    with pytest.raises(DataError, match="expected at least one document with text, found an empty folder"):
        read_source(str(tmp_path))


def test_folder_of_unusable_files_is_refused_with_the_first_reasons(tmp_path):
    for name in ("a.pdf", "b.docx", "c.txt", "d.txt"):
        (tmp_path / name).touch()
    with pytest.raises(DataError, match=r"found a\.pdf: empty; b\.docx: empty; c\.txt: empty$"):
        read_source(str(tmp_path))


def test_python_reference_is_a_source_of_documents():
    source = read_source("python-reference")
    assert (source.name, source.ready_made, source.skipped) == ("python-reference", False, [])
    assert len(source.documents) > 50


def test_folder_of_that_name_beats_the_packaged_corpus(tmp_path, monkeypatch):
    (tmp_path / "python-reference").mkdir()
    (tmp_path / "python-reference" / "mine.txt").write_text("mine")
    monkeypatch.chdir(tmp_path)
    assert list(read_source("python-reference").documents) == [Document("mine.txt", "", "mine", (Section((), 0, 4),))]


def test_beir_folder_is_read_ready_made_with_its_queries(beir_folder):
    source = read_source(str(beir_folder))
    assert source.ready_made
    assert list(source.documents) == [Document("d1", "Tank", "Fill it."), Document("d2", "", "Rinse.")]
    assert source.skipped == [Skipped("d3", "empty")]
    name = beir_folder.name
    assert source.queries == {
        "train": QuerySet(name, [Query("q2", "rinse", "source")], {"q2": {"d2": 1}}, "document"),
        "test": QuerySet(name, [Query("q1", "fill", "source")], {"q1": {"d1": 2, "d2": 0}}, "document"),
    }


def test_beir_corpus_without_queries_is_a_source(beir_folder):
    (beir_folder / "queries.jsonl").unlink()
    assert read_source(str(beir_folder)).queries == {}


def test_qrels_that_name_an_unknown_query_are_refused(beir_folder):
    (beir_folder / "qrels" / "dev.tsv").write_text(f"{QRELS}q1\td1\t1\nq9\td1\t1\n")
    with pytest.raises(DataError, match=r"dev\.tsv:3: expected a query of queries\.jsonl, found 'q9'"):
        read_source(str(beir_folder))


def test_beir_folder_without_text_is_refused(tmp_path):
    (tmp_path / "corpus.jsonl").write_text('{"_id": "d1", "text": ""}\n')
    with pytest.raises(DataError, match="expected at least one document with text, found d1: empty"):
        read_source(str(tmp_path))


def test_llama_index_json_is_read_ready_made_with_its_queries_for_training(tmp_path):
    path = tmp_path / "qa.json"
    path.write_text(json.dumps(LLAMA))
    source = read_source(str(path))
    assert source.ready_made
    assert (source.documents, source.skipped) == ([Document("n1", "", "Text.")], [Skipped("n2", "empty")])
    assert list(source.queries) == ["train"]
    assert source.queries["train"].qrels == {"q1": {"n1": 1}}


def test_every_query_of_a_llama_index_source_has_judgements(tmp_path):
    path = tmp_path / "qa.json"
    path.write_text(json.dumps(LLAMA))
    labelled = read_source(str(path)).queries["train"]
    assert [query.query_id for query in labelled.queries] == list(labelled.qrels)


def test_query_set_of_a_beir_folder_has_one_split(beir_folder):
    labelled = read_query_set(beir_folder)
    assert (labelled.queries, labelled.judged_unit) == ([Query("q1", "fill", "source")], "document")
    assert read_query_set(beir_folder, "train").qrels == {"q2": {"d2": 1}}


def test_query_set_of_a_llama_index_json_has_the_judged_queries(tmp_path):
    path = tmp_path / "qa.json"
    path.write_text(json.dumps(LLAMA))
    assert read_query_set(path) == QuerySet(
        "qa.json", [Query("q1", "descale", "source")], {"q1": {"n1": 1}}, "document"
    )


def test_query_set_with_an_unknown_query_is_refused(beir_folder):
    (beir_folder / "qrels" / "test.tsv").write_text(f"{QRELS}q9\td1\t1\n")
    with pytest.raises(DataError, match=r"test\.tsv:2: expected a query of queries\.jsonl, found 'q9'"):
        read_query_set(beir_folder)


def test_query_set_without_rows_is_refused(beir_folder):
    (beir_folder / "qrels" / "test.tsv").write_text(QRELS)
    with pytest.raises(DataError, match=r"test\.tsv: .* found 'no row'"):
        read_query_set(beir_folder)


def test_query_set_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"queries\.jsonl: expected a file, found nothing"):
        read_query_set(tmp_path / "none")


def test_every_topic_is_a_document_in_order_of_names():
    documents = read_python_reference()
    assert [document.document_id for document in documents] == sorted(topics)
    assert len(documents) > 70


def test_documents_have_text_and_no_title():
    documents = {document.document_id: document for document in read_python_reference()}
    assert all(document.text.strip() and document.title == "" for document in documents.values())
    assert documents["assert"].text.startswith('The "assert" statement')
    assert documents["assert"].text == topics["assert"].strip() + "\n"


def test_a_run_folder_among_documents_is_left_out_by_name(small_run, tmp_path):
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "note.md").write_text("The lantern keeper cleans the harbour.", encoding="utf-8")
    shutil.copytree(small_run[0], folder / "deep" / "run")
    source = read_source(str(folder))
    assert [document.document_id for document in source.documents] == ["note.md"]
    assert Skipped("deep/run", "a run folder of embedtune") in source.skipped
    with pytest.raises(DataError, match="expected documents, found a run folder") as refused:
        read_source(str(small_run[0]))
    assert "dataset" in (refused.value.hint or "")
