from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from embedtune.errors import DataError
from embedtune.formats.run_files import as_qrels, ranked, read_run, write_run

ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
scores = st.floats(allow_nan=False)


def test_equal_scores_are_ordered_by_falling_id():
    assert ranked({"a": 1.0, "c": 1.0, "b": 2.0, "d": 0.5}) == [("b", 2.0), ("c", 1.0), ("a", 1.0), ("d", 0.5)]


def test_lines_have_six_columns_and_ranks_from_one(tmp_path):
    write_run(tmp_path / "x.trec", {"q1": {"d1": 0.25, "d2": 1.5}, "q2": {"d1": -3.0}}, "bm25")
    assert (tmp_path / "x.trec").read_text() == ("q1 Q0 d2 1 1.5 bm25\nq1 Q0 d1 2 0.25 bm25\nq2 Q0 d1 1 -3.0 bm25\n")


def test_white_space_and_per_cent_signs_in_ids_are_escaped(tmp_path):
    write_run(tmp_path / "x.trec", {"100 %": {"my notes.txt": 1.0}}, "t")
    assert (tmp_path / "x.trec").read_text() == "100%20%25 Q0 my%20notes.txt 1 1.0 t\n"


@example(run={"how to": {"my notes.txt": 1.0, "a%20b": 0.5, "a b": 0.5, "100%": 0.1}})
@example(run={"q\u00a0\u2028\x85\x1c": {"tab\there": 0.1, "line\nend": 0.2, "日本語 の文書.md": 0.3}})
@example(run={"q": {"a": 0.1 + 0.2, "b": 0.3, "c": 1e-300}})
@given(run=st.dictionaries(ids, st.dictionaries(ids, scores, min_size=1, max_size=5), max_size=4))
def test_run_comes_back_as_it_was_written(run, scratch):
    path = scratch / "x.trec"
    write_run(path, run, "tag")
    assert read_run(path) == run
    assert len(path.read_text(encoding="utf-8").splitlines()) == sum(map(len, run.values()))


def test_runs_of_other_tools_are_read(tmp_path):
    path = tmp_path / "x.trec"
    path.write_text("q1\tQ0\td1\t1\t12.5\tanserini\r\nq1 Q0   d2 2 1e1 anserini\n")
    assert read_run(path) == {"q1": {"d1": 12.5, "d2": 10.0}}


def test_empty_run_is_read(tmp_path):
    write_run(tmp_path / "x.trec", {}, "t")
    assert read_run(tmp_path / "x.trec") == {}


@pytest.mark.parametrize("line", ["q1 Q0 d1 1 0.5", "q1 Q0 d1 1 0.5 tag more", "q1 Q0 d1 1 high tag", "q1"])
def test_malformed_line_is_named(tmp_path, line):
    path = tmp_path / "x.trec"
    path.write_text(f"q1 Q0 d0 1 0.9 tag\n{line}\n")
    with pytest.raises(DataError, match=r"x\.trec:2: expected six columns with a score in the fifth"):
        read_run(path)


def test_blank_lines_are_passed_over_and_counted(tmp_path):
    path = tmp_path / "x.trec"
    path.write_text("\nq1 Q0 d0 1 0.9 tag\n \t\r\n\nq1 Q0 d1 2 0.5 tag\n\n")
    assert read_run(path) == {"q1": {"d0": 0.9, "d1": 0.5}}
    path.write_text("\n\nq1 Q0 d0\n")
    with pytest.raises(DataError, match=r"x\.trec:3: expected six columns"):
        read_run(path)


def test_run_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "x.trec").write_bytes(b"q1 Q0 caf\xe9 1 0.5 t\n")
    with pytest.raises(
        DataError, match=r"x\.trec:1: expected UTF-8 text, found invalid continuation byte at byte 10 of"
    ):
        read_run(tmp_path / "x.trec")


@pytest.mark.parametrize(
    ("row", "found"), [("q1 Q0 d1 2 0.5 t", "'d1' again for the same query"), ("q1 Q0 d2 2 nan t", "that is no number")]
)
def test_score_twice_or_that_is_none_is_refused(tmp_path, row, found):
    path = tmp_path / "x.trec"
    path.write_text(f"q1 Q0 d1 1 0.9 t\n{row}\n")
    with pytest.raises(
        DataError, match=rf"x\.trec:2: expected one score for each document of a query, found .*{found}"
    ):
        read_run(path)


def test_missing_run_is_refused_and_a_byte_order_mark_is_not(tmp_path):
    with pytest.raises(DataError, match=r"x\.trec: expected a file, found nothing"):
        read_run(tmp_path / "x.trec")
    (tmp_path / "x.trec").write_bytes(b"\xef\xbb\xbfq1 Q0 d1 1 0.9 t\n")
    assert read_run(tmp_path / "x.trec") == {"q1": {"d1": 0.9}}


@given(data=st.binary(max_size=80) | st.text("q1 Q0 d.9t\n\t%\0", max_size=80).map(str.encode))
def test_any_run_is_read_or_refused(data, scratch):
    (scratch / "fuzz.trec").write_bytes(data)
    with contextlib.suppress(DataError):
        assert isinstance(read_run(scratch / "fuzz.trec"), dict)


def test_trec_judgements_and_beir_judgements_are_read(tmp_path):
    path = tmp_path / "qrels"
    path.write_text("q1 0 my%20notes.txt 2\nq1 0 d2 0\n")
    assert as_qrels(path) == {"q1": {"my notes.txt": 2, "d2": 0}}
    path.write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n")
    assert as_qrels(str(path)) == {"q1": {"d1": 1}}


def test_a_broken_line_of_judgements_is_named(tmp_path):
    path = tmp_path / "qrels"
    path.write_text("q1 0 d1 1\nq1 d2 0\n")
    with pytest.raises(DataError, match="qrels:2: expected TREC's four columns"):
        as_qrels(path)
