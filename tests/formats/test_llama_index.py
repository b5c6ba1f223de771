from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.errors import DataError
from embedtune.formats.llama_index import read_llama_index
from embedtune.types import Document, Query

GOOD = {
    "queries": {"q1": "how to descale", "q2": "refund"},
    "corpus": {"n1": "Descale every two months.", "n2": "Refunds take ten days."},
    "relevant_docs": {"q1": ["n1"], "q2": ["n2", "n1"]},
}


def write(folder: Path, data: object) -> Path:
    path = folder / "dataset.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def test_corpus_queries_and_judgements_are_read(tmp_path):
    documents, queries, qrels = read_llama_index(write(tmp_path, GOOD))
    assert documents == [Document("n1", "", "Descale every two months."), Document("n2", "", "Refunds take ten days.")]
    assert queries == [Query("q1", "how to descale", "source"), Query("q2", "refund", "source")]
    assert qrels == {"q1": {"n1": 1}, "q2": {"n2": 1, "n1": 1}}


def test_byte_order_mark_and_further_keys_are_passed_over(tmp_path):
    path = tmp_path / "saved.json"
    path.write_text("\ufeff" + json.dumps(GOOD | {"mode": "text"}, indent=4), encoding="utf-8")
    assert read_llama_index(path) == read_llama_index(write(tmp_path, GOOD))


def test_query_without_judgements_has_no_entry(tmp_path):
    _, queries, qrels = read_llama_index(write(tmp_path, GOOD | {"relevant_docs": {"q1": ["n1"]}}))
    assert ([query.query_id for query in queries], list(qrels)) == (["q1", "q2"], ["q1"])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ([GOOD], "expected an object with the objects queries, corpus, relevant_docs, found list"),
        ({"queries": {}, "corpus": {}}, "expected an object with the objects"),
        (GOOD | {"corpus": ["text"]}, "expected an object with the objects"),
        (GOOD | {"queries": {"q1": 5}}, "expected every query and corpus entry to be a string"),
        (GOOD | {"corpus": {"n1": None}}, "expected every query and corpus entry to be a string"),
        (GOOD | {"relevant_docs": {"q1": "n1"}}, "expected every relevant_docs entry to be a list of corpus ids"),
        (GOOD | {"relevant_docs": {"q1": ["n9"]}}, r"found 'q1' → \['n9'\]"),
        (
            GOOD | {"relevant_docs": {"q9": ["n1"]}},
            r"dataset\.json, entry 1: expected relevant_docs that name queries and corpus entries, found 'q9'",
        ),
    ],
)
def test_json_of_another_shape_is_refused(tmp_path, data, expected):
    with pytest.raises(DataError, match=r"dataset\.json: " + expected if expected.startswith("expected") else expected):
        read_llama_index(write(tmp_path, data))


@pytest.mark.parametrize("relevant", [[["n1"]], [None], ["n1", 5]])
def test_relevant_documents_that_are_no_strings_are_refused(tmp_path, relevant):
    with pytest.raises(
        DataError, match=r"dataset\.json: expected every relevant_docs entry to be a list of corpus ids"
    ):
        read_llama_index(write(tmp_path, GOOD | {"relevant_docs": {"q1": relevant}}))


@pytest.mark.parametrize("identifier", ["", " ", "a\tb", "a\nb", "a\rb"])
@pytest.mark.parametrize("part", ["queries", "corpus"])
def test_id_that_would_break_a_table_is_refused(tmp_path, part, identifier):
    data = GOOD | {part: GOOD[part] | {identifier: "text"}}
    with pytest.raises(DataError) as caught:
        read_llama_index(write(tmp_path, data))
    assert str(caught.value).endswith(
        f"dataset.json: expected ids that are not blank and hold no tabs or line breaks, found {identifier!r}"
    )


@pytest.mark.parametrize("data", [b'{"queries": {', b"", b"[" * 100_000])
def test_file_that_is_not_json_is_refused(tmp_path, data):
    path = tmp_path / "dataset.json"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"dataset\.json(:1)?: expected a JSON file in UTF-8"):
        read_llama_index(path)


def test_torn_file_is_refused_with_the_line(tmp_path):
    path = tmp_path / "dataset.json"
    path.write_text(json.dumps(GOOD, indent=2)[:-40])
    with pytest.raises(DataError, match=r"dataset\.json:\d+: expected a JSON file in UTF-8") as caught:
        read_llama_index(path)
    assert "save_json" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            '{"queries": {"q": "caf\xe9"}}',
            r"dataset\.json:1: expected UTF-8 text, found invalid continuation byte at byte 23",
        ),
        ('{"queries": {"q": "a", "q": "b"}}', "found the name 'q' twice in one object"),
        ('{"queries": {"q": "\\ud800"}}', "surrogates not allowed"),
        ('{"queries": {"q": " "}, "corpus": {}, "relevant_docs": {}}', "expected queries with text, found none in 'q'"),
    ],
)
def test_content_that_cannot_be_used_is_refused(tmp_path, text, found):
    path = tmp_path / "dataset.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError, match=found):
        read_llama_index(path)


def test_missing_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"x\.json: expected a file, found nothing"):
        read_llama_index(tmp_path / "x.json")


json_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=4) | st.sampled_from(["q1", "n1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
shapes = st.fixed_dictionaries(dict.fromkeys(GOOD, json_values))
cuts = st.tuples(st.integers(0, 200), st.binary(max_size=6)).map(
    lambda cut: json.dumps(GOOD).encode()[: cut[0]] + cut[1] + json.dumps(GOOD).encode()[cut[0] + len(cut[1]) :]
)


@given(data=st.binary(max_size=60) | shapes.map(lambda value: json.dumps(value).encode()) | cuts)
def test_any_file_is_read_or_refused(data, scratch):
    (scratch / "fuzz.json").write_bytes(data)
    with contextlib.suppress(DataError):
        assert len(read_llama_index(scratch / "fuzz.json")) == 3
