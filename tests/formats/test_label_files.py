"""Label files in the forms that trainers, search logs and TREC use, and what is told about their faulty rows."""

from __future__ import annotations

import json

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.errors import DataError
from embedtune.formats.label_files import is_labels, read_labels, recognise, split_of

ROWS = {"anchor": ["Fill it?", "Rinse it?"], "positive": ["Fill it.", "Rinse it."], "negative_1": ["No.", "Never."]}
JUDGED = {"Fill it?": {"Fill it.": 1, "No.": 0}, "Rinse it?": {"Rinse it.": 1, "Never.": 0}}


def judged(path, *, split=None):
    """Return query text → judged text or id → grade."""
    files = [labels for labels in read_labels(path) if split in (None, labels.split)]
    return {query.text: labels.qrels[query.query_id] for labels in files for query in labels.queries}


def written(path, text):
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(text, encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "flag.jsonl",
            '{"query": "a?", "pos": ["x", "y"], "neg": ["z", " "]}\n\n{"query": "a?", "pos": "w", "prompt": "p"}\n',
            {"a?": {"x": 1, "y": 1, "z": 0, "w": 1}},
        ),
        ("list.json", '[{"question": "a?", "answer": "x"}]', {"a?": {"x": 1}}),
        ("triplets.csv", 'anchor,positive,negative\n"a, b?","x\n\ny",z\n', {"a, b?": {"x\n\ny": 1, "z": 0}}),
        ("pairs.csv", "\ufeffQuery;Positive;Negative-1;Negative-2\r\na?;x;y;\r\n", {"a?": {"x": 1, "y": 0}}),
        ("triples.tsv", 'a?\tsaid "x\t"z\n', {"a?": {'said "x': 1, '"z': 0}}),
        (
            "scores.csv",
            "sentence1,sentence2,score\na?,x,0.8\na?,y,0.5\na?,z,0.49\na?,w,-0.3\na?,v,4.6\n",
            {"a?": {"x": 1, "y": 1, "z": 0, "w": 0, "v": 5}},
        ),
        ("binary.tsv", "query\ttext\tlabel\na?\tx\t1\na?\ty\tFalse\na?\tz\t-2\n", {"a?": {"x": 1, "y": 0, "z": -2}}),
        ("margins.csv", "query,positive,negative,score\na?,x,y,-3.2\n", {"a?": {"x": 1, "y": 0}}),
        (
            "log.csv",
            "query,document_id,clicks\na?,x.md,7\na?,x.md,5\na?,y.md,1\na?,z.md,0\n",
            {"a?": {"x.md": 2, "y.md": 1, "z.md": 0}},
        ),
        ("clicks.csv", "query,clicked_document\na?,x\na?,x\na?,y\n", {"a?": {"x": 1, "y": 1}}),
    ],
)
def test_forms_of_files(tmp_path, name, text, expected):
    assert judged(written(tmp_path / name, text)) == expected


def test_parquet_and_folders_of_datasets(tmp_path):
    rows = datasets.Dataset.from_dict(ROWS)
    pq.write_table(pa.table(ROWS), tmp_path / "train.parquet")
    rows.save_to_disk(tmp_path / "saved")
    datasets.DatasetDict({"train": rows.select([0]), "validation": rows.select([1])}).save_to_disk(tmp_path / "splits")
    (tmp_path / "hub" / "data").mkdir(parents=True)
    pq.write_table(pa.table(ROWS), tmp_path / "hub" / "data" / "train-00000-of-00001.parquet")
    (tmp_path / "hub" / "README.md").write_text("# Pairs\n")
    for name in ("train.parquet", "saved", "splits", "hub"):
        assert judged(tmp_path / name) == JUDGED
        assert is_labels(tmp_path / name)
    assert judged(tmp_path / "splits", split="dev").keys() == {"Rinse it?"}


def test_qrels_of_trec_with_queries_and_collection_beside_them(tmp_path):
    path = written(tmp_path / "qrels.dev.txt", "7 0 d1 1\n7 0 d2 -2\n")
    with pytest.raises(
        DataError, match=r"expected the queries of these judgements beside it, as queries\.jsonl of BEIR"
    ):
        read_labels(path)
    written(tmp_path / "queries.train.tsv", "8\tOther?\n")
    written(tmp_path / "queries.dev.tsv", "7\tFill it?\n")
    written(tmp_path / "collection.tsv", "d1\tFill it.\nd3\tOther.\n")
    (labels,) = read_labels(path)
    assert (labels.split, labels.holds, labels.qrels) == ("dev", "ids", {"7": {"d1": 1, "d2": -2}})
    assert [document.document_id for document in labels.corpus()] == ["d1", "d3"]
    assert [query.text for query in labels.queries] == ["Fill it?"]


def test_folders_of_beir(tmp_path):
    written(tmp_path / "queries.jsonl", '{"_id": "q", "text": "Fill it?"}\n')
    written(tmp_path / "qrels" / "test.tsv", "query-id\tcorpus-id\tscore\nq\ta.md\t2\n")
    (labels,) = read_labels(tmp_path)
    assert (labels.split, labels.qrels, labels.lines["a.md"], labels.corpus) == ("test", {"q": {"a.md": 2}}, 2, None)


@pytest.mark.parametrize(
    ("name", "text", "faults"),
    [
        (
            "a.jsonl",
            '{"query": "a?", "pos": ["x"]}\n{"query": "", "pos": ["x"]}\n{"query": "b?", "pos": [5]}\n{"query\n[1]\n'
            '{"query": "b?", "pos": []}\n{"query": ["c?", "d?"], "pos": "x"}\n{"query": "e?", "pos": "\\u0000"}\n',
            ["line 2: expected one text in query, found none", "line 3: expected a text or a list of texts in pos, found 5",
             "line 4: expected one JSON object", "line 5: expected one JSON object", "line 6: expected a text in pos, found none",
             "line 7: expected one text in query, found 2", "line 8: expected text in pos, found a NUL"],
        ),
        (
            "a.csv",
            'query,document,clicks\na?,"x\ny",1\na?,x,many\na?,x,0.5\na?,x,-1\na?,x,nan\na?,x,1,2\n',
            ["line 4: expected a number in clicks, found 'many'", "line 5: expected a whole number from 0 in clicks",
             "line 6: expected a whole number from 0", "line 7: expected a number", "line 8: expected 3 cells, found 4"],
        ),
        ("a.tsv", "q1\td1\t1\na?\tx\n", ["line 1: expected texts; ids and numbers need a header", "line 2: expected a header"]),
    ],
)  # fmt: skip
def test_all_faulty_rows_are_told(tmp_path, name, text, faults):
    with pytest.raises(DataError) as caught:
        read_labels(written(tmp_path / name, text))
    told = str(caught.value).splitlines()
    assert told[0].endswith(f"{name}: {len(faults)} faulty rows")
    assert [line.strip()[: len(fault)] for line, fault in zip(told[1:], faults, strict=True)] == faults


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        (
            "a.csv",
            "name,born\nAda,1815\n",
            r"a\.csv:1: expected a column query or anchor.*found the columns name, born",
        ),
        ("a.jsonl", "[1]\n", "expected a column query or anchor"),
        ("a.csv", "query,positive\n", "expected rows with labels, found none"),
        ("a.parquet", "no parquet", r"a\.parquet: expected a Parquet file"),
        ("a.csv", "query,Query,pos\na,b,c\n", r"a\.csv:1: expected one column query, found 2"),
        ("a.jsonl", f'{{"query": "a", "document": "b", "score": {"9" * 400}}}', "expected a number in score"),
        ("gone/a.md", "# Text\n", "expected label files, or a BEIR folder, found none"),
    ],
)
def test_files_of_other_forms_are_refused(tmp_path, name, text, words):
    path = written(tmp_path / name, text)
    with pytest.raises(DataError, match=words):
        read_labels(path.parent if path.suffix == ".md" else path)


@pytest.mark.parametrize(
    ("name", "text", "held"),
    [
        ("a.jsonl", '{"query": "a?", "pos": ["x"], "neg": []}', "labels (query, pos, neg)"),
        ("a.csv", "anchor,positive,negative_1\n", "labels (anchor, positive, negative_1)"),
        ("a.tsv", "query\tdocument\tclicks\n", "labels (query, document, clicks)"),
        ("a.txt", "1 0 d1 1\n1 0 d2 0\n", "relevance judgements (qrels)"),
        ("a.tsv", "query-id\tcorpus-id\tscore\n", "relevance judgements (qrels)"),
        ("faq.csv", "question,answer\n", None),
        ("a.txt", "Sales 2020 rose 5\n", None),
        ("a.jsonl", '{"title": "a", "text": "x"}', None),
        ("a.json", '{"query": "a", "pos": "x"}', None),
        ("a.md", "query, pos\n", None),
        ("a.jsonl", "[" * 100_000, None),
        ("a.txt", "", None),
    ],
)
def test_label_files_are_recognised_and_documents_are_not(tmp_path, name, text, held):
    assert recognise(written(tmp_path / name, text)) == held


def test_folders_with_documents_are_no_labels(tmp_path):
    written(tmp_path / "pairs.jsonl", '{"query": "a?", "pos": ["x"]}')
    assert is_labels(tmp_path)
    written(tmp_path / "notes.md", "Text.")
    assert not is_labels(tmp_path)


@pytest.mark.parametrize(
    ("name", "split"),
    [("pairs.jsonl", "train"), ("train-00000-of-00002.parquet", "train"), ("my_validation.csv", "dev"),
     ("qrels.dev.tsv", "dev"), ("test.tsv", "test"), ("latest.csv", "train"), ("contest.csv", "train")],
)  # fmt: skip
def test_splits_by_name(tmp_path, name, split):
    assert split_of(tmp_path / name) == split


@given(
    suffix=st.sampled_from([".jsonl", ".json", ".csv", ".tsv", ".txt", ".parquet"]),
    data=st.binary(max_size=60)
    | st.sampled_from([b'{"query": "a", "pos": ["b"]}\n', b"query,positive\na,b\n", b"a\tb\tc\n"]).flatmap(
        lambda good: st.binary(max_size=8).map(lambda bad: good + bad)
    ),
)
def test_any_file_is_read_or_refused(suffix, data, scratch):
    path = scratch / f"any{suffix}"
    path.write_bytes(data)
    recognise(path)
    try:
        labels = read_labels(path)
    except DataError:
        return
    assert json.dumps([each.qrels for each in labels]).encode()
