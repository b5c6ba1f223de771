from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.errors import DataError
from embedtune.formats import beir
from embedtune.types import Document, Passage, Query

HEADER = "query-id\tcorpus-id\tscore\n"

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
# qrels are a table: an id with a tab or a line end has no place in it, nor has a blank one
ids = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\t\r\n\0"), min_size=1, max_size=10).filter(
    str.strip
)


def read_documents(folder):
    return list(beir.read_documents(folder))


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@given(
    rows=st.lists(
        st.tuples(ids, texts, texts, texts, st.integers(0, 999), st.none() | st.integers(1, 99)),
        max_size=6,
        unique_by=lambda row: row[0],
    )
)
def test_passages_come_back_as_they_were_written(rows, scratch):
    passages = [Passage(*row[:4], row[4], row[4] + len(row[3]), row[5]) for row in rows]
    beir.write_passages(scratch, passages)
    assert beir.read_passages(scratch) == passages


@given(rows=st.lists(st.tuples(ids, texts.filter(str.strip), ids), max_size=6, unique_by=lambda row: row[0]))
def test_queries_come_back_as_they_were_written(rows, scratch):
    queries = [Query(*row) for row in rows]
    beir.write_queries(scratch, queries)
    assert beir.read_queries(scratch) == queries


@given(qrels=st.dictionaries(ids, st.dictionaries(ids, st.integers(-2, 5), min_size=1, max_size=4), max_size=4))
def test_qrels_come_back_as_they_were_written(qrels, scratch):
    beir.write_qrels(scratch, "dev", qrels)
    assert beir.read_qrels(scratch / "qrels" / "dev.tsv") == qrels
    assert beir.read_splits(scratch) == {"dev": qrels}


def test_written_files_are_those_of_beir(tmp_path):
    beir.write_passages(tmp_path, [Passage("p-1", "a.md", "Tank", "Füll ihn.", 4, 13)])
    beir.write_queries(tmp_path, [Query("q-1", "tank", "heading")])
    beir.write_qrels(tmp_path, "test", {"q-1": {"p-1": 1, "p-2": 0}})
    metadata = '{"document_id": "a.md", "start": 4, "end": 13}'
    assert (tmp_path / "corpus.jsonl").read_text(encoding="utf-8") == (
        f'{{"_id": "p-1", "title": "Tank", "text": "Füll ihn.", "metadata": {metadata}}}\n'
    )
    assert (tmp_path / "queries.jsonl").read_text() == (
        '{"_id": "q-1", "text": "tank", "metadata": {"kind": "heading"}}\n'
    )
    assert (tmp_path / "qrels" / "test.tsv").read_text() == HEADER + "q-1\tp-1\t1\nq-1\tp-2\t0\n"


def test_page_stands_in_the_metadata_where_there_is_one(tmp_path):
    beir.write_passages(tmp_path, [Passage("p-1", "a.pdf", "", "Fill it.", 4, 12, 3)])
    assert '"end": 12, "page": 3}' in (tmp_path / "corpus.jsonl").read_text()
    assert beir.read_passages(tmp_path)[0].page == 3


def test_corpus_of_others_needs_only_id_and_text(tmp_path):
    write(
        tmp_path,
        "corpus.jsonl",
        '{"_id": "d1", "text": "x"}\n\n{"_id": "d2", "title": " T ", "text": "y", "url": "u"}\n',
    )
    assert read_documents(tmp_path) == [Document("d1", "", "x"), Document("d2", "T", "y")]


def test_query_without_a_kind_came_from_the_source(tmp_path):
    write(tmp_path, "queries.jsonl", '{"_id": "q1", "text": "x"}\n{"_id": "q2", "text": "y", "metadata": {}}\n')
    assert [query.kind for query in beir.read_queries(tmp_path)] == ["source", "source"]


def test_byte_order_mark_and_windows_line_ends_are_read(tmp_path):
    path = write(tmp_path, "x.tsv", "\ufeff" + HEADER.replace("\n", "\r\n") + "q1\td1\t2\r\n")
    assert beir.read_qrels(path) == {"q1": {"d1": 2}}


def test_folder_with_a_corpus_is_beir(tmp_path):
    assert not beir.is_beir(tmp_path)
    write(tmp_path, "corpus.jsonl", "")
    assert beir.is_beir(tmp_path)


def test_only_the_splits_that_are_there_are_read(tmp_path):
    beir.write_qrels(tmp_path, "train", {"q1": {"d1": 1}})
    beir.write_qrels(tmp_path, "test", {"q2": {"d1": 1}})
    assert beir.read_splits(tmp_path) == {"train": {"q1": {"d1": 1}}, "test": {"q2": {"d1": 1}}}


def test_torn_line_is_named(tmp_path):
    write(tmp_path, "corpus.jsonl", '{"_id": "d1", "text": "x"}\n{"_id": "d2", "te')
    with pytest.raises(DataError, match=r"corpus\.jsonl:2: expected one JSON object, found Unterminated string"):
        read_documents(tmp_path)


def test_blank_lines_count_in_line_numbers(tmp_path):
    write(tmp_path, "corpus.jsonl", '{"_id": "d1", "text": "x"}\n\n\n[1]\n')
    with pytest.raises(DataError, match=r"corpus\.jsonl:4: expected an object with the strings"):
        read_documents(tmp_path)


@pytest.mark.parametrize(
    "line", ["[]", '"text"', '{"text": "x"}', '{"_id": 7, "text": "x"}', '{"_id": "d", "text": null}', '{"_id": "d"}']
)
def test_line_without_id_and_text_is_refused(tmp_path, line):
    write(tmp_path, "corpus.jsonl", line + "\n")
    with pytest.raises(DataError, match=r"corpus\.jsonl:1: expected an object with the strings"):
        read_documents(tmp_path)


def test_line_nested_too_deeply_is_refused(tmp_path):
    write(tmp_path, "corpus.jsonl", "[" * 100_000 + "\n")
    with pytest.raises(DataError, match=r"corpus\.jsonl:1: expected one JSON object"):
        read_documents(tmp_path)


def test_id_used_twice_is_refused_with_both_lines(tmp_path):
    write(
        tmp_path, "queries.jsonl", '{"_id": "q", "text": "x"}\n{"_id": "r", "text": "x"}\n{"_id": "q", "text": "y"}\n'
    )
    with pytest.raises(
        DataError, match=r"queries\.jsonl:3: expected every _id once, found 'q' again \(first in line 1\)"
    ):
        beir.read_queries(tmp_path)


def test_text_that_is_not_utf8_is_refused(tmp_path):
    write(tmp_path, "corpus.jsonl", b'{"_id": "d1", "text": "caf\xe9"}\n')
    with pytest.raises(
        DataError, match=r"corpus\.jsonl:1: expected UTF-8 text, found invalid continuation byte at byte 27 of the line"
    ):
        read_documents(tmp_path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"queries\.jsonl: expected a file, found nothing"):
        beir.read_queries(tmp_path)


@pytest.mark.parametrize("metadata", ["", ', "metadata": {}', ', "metadata": null', ', "metadata": {"start": 0}'])
def test_corpus_without_our_metadata_holds_no_passages(tmp_path, metadata):
    write(tmp_path, "corpus.jsonl", f'{{"_id": "d1", "title": "", "text": "x"{metadata}}}\n')
    with pytest.raises(
        DataError,
        match=r"corpus\.jsonl:1: expected passages written by embedtune generate, found metadata without",
    ):
        beir.read_passages(tmp_path)


@pytest.mark.parametrize(
    ("name", "read", "field"),
    [
        ("corpus.jsonl", read_documents, '"title": 5'),
        ("corpus.jsonl", read_documents, '"title": ["T"]'),
        ("corpus.jsonl", read_documents, '"title": "T", "metadata": "x"'),
        ("queries.jsonl", beir.read_queries, '"metadata": ["a"]'),
        ("queries.jsonl", beir.read_queries, '"metadata": 5'),
        ("corpus.jsonl", beir.read_passages, '"title": "", "metadata": ["a"]'),
        ("corpus.jsonl", beir.read_passages, '"title": {}, "metadata": 1'),
    ],
)
def test_optional_field_of_a_wrong_type_is_refused(tmp_path, name, read, field):
    write(tmp_path, name, f'{{"_id": "a", "text": "x", {field}}}\n')
    with pytest.raises(DataError, match=rf'{name}:1: expected "title" to be a string and "metadata" an object'):
        read(tmp_path)


def test_optional_field_may_be_null(tmp_path):
    write(tmp_path, "corpus.jsonl", '{"_id": "d", "title": null, "text": "x", "metadata": null}\n')
    write(tmp_path, "queries.jsonl", '{"_id": "q", "text": "x", "metadata": null}\n')
    assert read_documents(tmp_path) == [Document("d", "", "x")]
    assert beir.read_queries(tmp_path) == [Query("q", "x", "source")]


def test_missing_header_is_refused_with_a_hint(tmp_path):
    path = write(tmp_path, "x.tsv", "q1\td1\t1\n")
    with pytest.raises(DataError, match=r"x\.tsv:1: expected the header query-id⇥corpus-id⇥score, found 'q1") as caught:
        beir.read_qrels(path)
    assert caught.value.hint.startswith("add the header line, or use TREC's four columns")


@pytest.mark.parametrize("text", ["\nq1\td1\t1\n", " \n\nq1\td1\t1\n" + HEADER])
def test_missing_header_after_blank_lines_is_refused(tmp_path, text):
    with pytest.raises(DataError, match=r"x\.tsv:\d+: expected the header query-id⇥corpus-id⇥score, found 'q1"):
        beir.read_qrels(write(tmp_path, "x.tsv", text))


@pytest.mark.parametrize("text", ["", "\n\n", "\ufeff"])
def test_empty_file_lacks_the_header(tmp_path, text):
    with pytest.raises(DataError, match=r"x\.tsv:1: expected the header .*, found an empty file$") as caught:
        beir.read_qrels(write(tmp_path, "x.tsv", text))
    assert caught.value.hint.startswith("add the header line")


@pytest.mark.parametrize("text", [HEADER, "\n" + HEADER, "\ufeff\n\n" + HEADER.replace("\n", "\r\n")])
def test_header_alone_is_an_empty_table(tmp_path, text):
    assert beir.read_qrels(write(tmp_path, "x.tsv", text)) == {}


@pytest.mark.parametrize(
    "row", ["q1\td1", "q1\td1\t1\tx", "q1 d1 1", "q1\td1\t0.5", "q1\td1\t", "q1\td1\thigh", "q1\td1\t1-"]
)
def test_malformed_row_is_named(tmp_path, row):
    path = write(tmp_path, "x.tsv", f"{HEADER}q0\td0\t1\n{row}\n")
    with pytest.raises(DataError, match=r"x\.tsv:3: expected query id, corpus id and a whole grade"):
        beir.read_qrels(path)


@pytest.mark.parametrize("grade", ["--1", "²"])
def test_grade_that_only_looks_like_a_number_is_refused(tmp_path, grade):
    path = write(tmp_path, "x.tsv", f"{HEADER}q0\td0\t{grade}\n")
    with pytest.raises(DataError, match=r"x\.tsv:2: expected query id, corpus id and a whole grade"):
        beir.read_qrels(path)


def test_pair_judged_twice_is_refused(tmp_path):
    path = write(tmp_path, "x.tsv", f"{HEADER}q1\td1\t1\nq1\td2\t1\nq1\td1\t0\n")
    with pytest.raises(DataError, match=r"x\.tsv:4: expected one judgement for each query and document"):
        beir.read_qrels(path)


@pytest.mark.parametrize("identifier", ["a\tb", "a\nb", "a\rb", "a\n", "", " ", "\u3000"])
@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("corpus.jsonl", read_documents),
        ("corpus.jsonl", beir.read_passages),
        ("queries.jsonl", beir.read_queries),
    ],
)
def test_id_that_would_break_the_table_is_refused(tmp_path, name, read, identifier):
    write(tmp_path, name, json.dumps({"_id": identifier, "text": "x"}) + "\n")
    with pytest.raises(DataError, match=rf'{name}:1: expected an object with the strings "_id" and "text"'):
        read(tmp_path)


@pytest.mark.parametrize("value", [None, 7, True, ["a"], b"a"])
def test_what_is_no_string_is_no_identifier(value):
    assert not beir.is_identifier(value)


@pytest.mark.parametrize("value", ["q1", "my notes.txt", " a", "日本語", "a\u2028b"])
def test_odd_names_are_identifiers(value):
    assert beir.is_identifier(value)


@pytest.mark.parametrize(
    "metadata",
    [
        '{"document_id": 5, "start": 0, "end": 1}',
        '{"document_id": "d", "start": "0", "end": 1}',
        '{"document_id": "d", "start": [], "end": 1}',
        '{"document_id": "d", "start": NaN, "end": 1}',
        '{"document_id": "d", "start": -1, "end": 1}',
        '{"document_id": "d", "start": 0, "end": 1e999}',
    ],
)
def test_metadata_of_another_kind_is_refused(tmp_path, metadata):
    write(tmp_path, "corpus.jsonl", f'\n{{"_id": "d1", "text": "x", "metadata": {metadata}}}\n')
    with pytest.raises(DataError, match=r"corpus\.jsonl:2: expected passages written by embedtune generate"):
        beir.read_passages(tmp_path)


@pytest.mark.parametrize("text", ["", "   ", "\\n\\t"])
def test_query_without_text_is_refused(tmp_path, text):
    write(tmp_path, "queries.jsonl", f'{{"_id": "q0", "text": "x"}}\n{{"_id": "q1", "text": "{text}"}}\n')
    with pytest.raises(DataError, match=r"queries\.jsonl:2: expected a query with text, found none in 'q1'"):
        beir.read_queries(tmp_path)


@pytest.mark.parametrize("row", ['"text": "a\\u0000b"', '"text": "a", "title": "\\u0000"'])
def test_nul_in_a_text_is_refused(tmp_path, row):
    write(tmp_path, "corpus.jsonl", f'{{"_id": "d", {row}}}\n')
    with pytest.raises(DataError, match=r"corpus\.jsonl:1: expected text, found a NUL character in it"):
        read_documents(tmp_path)


@pytest.mark.parametrize("grade", ["9" * 5000, "-" + "9" * 10])
def test_grade_beyond_all_measure_is_refused(tmp_path, grade):
    path = write(tmp_path, "x.tsv", f"{HEADER}q0\td0\t{grade}\n")
    with pytest.raises(DataError, match=r"x\.tsv:2: expected query id, corpus id and a whole grade") as caught:
        beir.read_qrels(path)
    assert len(str(caught.value)) < 400


def test_columns_of_trec_are_read(tmp_path):
    path = write(tmp_path, "x.tsv", "q1 0 my%20notes.txt 2\nq1 0 d2 -2\nq2\tQ0\td1\t1\n")
    assert beir.read_qrels(path) == {"q1": {"my notes.txt": 2, "d2": -2}, "q2": {"d1": 1}}


def test_all_faulty_rows_are_told_with_their_lines(tmp_path):
    rows = ["q1\td1\t1", "q1\td1\t1", "q1\td2", "q9\td1\t1", "q9\td2\t1", *["q1"] * 30]
    path = write(tmp_path, "x.tsv", HEADER + "\n".join(rows) + "\n")
    with pytest.raises(DataError) as caught:
        beir.read_qrels(path, {"q1"})
    lines = str(caught.value).splitlines()
    assert lines[0] == f"{path}: 33 faulty rows"
    assert lines[1].startswith("  line 3: expected one judgement for each query and document, found a second one")
    assert lines[2].startswith("  line 4: expected query id, corpus id and a whole grade")
    assert lines[3] == "  line 5: expected a query of queries.jsonl, found 'q9'"
    assert (len(lines), lines[-1]) == (22, "  and 13 more")


def test_all_faulty_entries_are_told_with_their_lines(tmp_path):
    rows = ['{"_id": "a", "text": "x"}', "[]", '{"_id": "b", "te', '{"_id": "c", "text": "\\u0000"}']
    write(tmp_path, "corpus.jsonl", "\n".join(rows))
    with pytest.raises(
        DataError, match=r"3 faulty rows\n  line 2: .*\n  line 3: .*\n  line 4: expected text, found a NUL"
    ):
        read_documents(tmp_path)


GOOD_CORPUS = '{"_id": "d1", "title": "T", "text": "x y", "metadata": {"document_id": "d", "start": 0, "end": 3}}\n'
GOOD_QRELS = HEADER + "q1\td1\t1\nq1\td2\t0\n"


def mutated(good: str) -> st.SearchStrategy[bytes]:
    """Return the good file with a stretch of it replaced."""
    content = good.encode()
    return st.tuples(st.integers(0, len(content)), st.integers(0, 12), st.binary(max_size=8)).map(
        lambda change: content[: change[0]] + change[2] + content[change[0] + change[1] :]
    )


@given(data=st.binary(max_size=80) | mutated(GOOD_CORPUS))
def test_any_corpus_and_queries_are_read_or_refused(data, scratch):
    for name, read in (
        ("corpus.jsonl", read_documents),
        ("corpus.jsonl", beir.read_passages),
        ("queries.jsonl", beir.read_queries),
    ):
        write(scratch, name, data)
        with contextlib.suppress(DataError):
            assert isinstance(read(scratch), list)


@given(data=st.binary(max_size=80) | mutated(GOOD_QRELS))
def test_any_qrels_are_read_or_refused(data, scratch):
    with contextlib.suppress(DataError):
        assert isinstance(beir.read_qrels(write(scratch, "fuzz.tsv", data)), dict)
