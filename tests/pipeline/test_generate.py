"""Making a dataset from sources with and without labels; the real base model's tokenizer cuts the passages."""

import json
import logging
import shutil

import pytest

import embedtune
from embedtune.dataset import read_dataset
from embedtune.errors import DataError


def write_beir(folder, splits):
    """A corpus of 30 documents with one labelled query each, dealt to the given splits in turn."""
    (folder / "qrels").mkdir(parents=True)
    rooms = ["boiler room", "front office", "loading dock", "server closet", "canteen"]
    documents = [
        {
            "_id": f"d{n}",
            "title": f"Room {n}",
            "text": f"The {rooms[n % 5]} of house {n} was painted in year {1900 + n}. Its keeper number {n * 7} holds key K{n}. "
            f"Deliveries for house {n} arrive on weekday {n % 7} before noon.",
        }
        for n in range(30)
    ]
    queries = [{"_id": f"q{n}", "text": f"who holds key K{n}"} for n in range(30)]
    for name, rows in (("corpus", documents), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for number, split in enumerate(splits):
        rows = [f"q{n}\td{n}\t1" for n in range(number, 30, len(splits))]
        (folder / "qrels" / f"{split}.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *rows]) + "\n")
    return folder


def generate(source, out, **settings):
    return embedtune.generate(embedtune.GenerateConfig(source=str(source), **settings), out)


def test_a_folder_of_text_becomes_a_dataset_and_unreadable_files_are_listed(document_folder, tmp_path):
    source = shutil.copytree(document_folder, tmp_path / "source")
    (source / "logo.png").write_bytes(b"\x89PNG")
    result = generate(source, tmp_path)
    dataset = read_dataset(tmp_path / "dataset")
    assert result.record.skipped == 1
    assert "logo.png" in (tmp_path / "dataset" / "skipped.tsv").read_text()
    assert result.record.passages == len(dataset.passages)
    assert result.record.window.share_lost == 0.0
    assert {query.kind for query in dataset.splits["train"].queries} <= {"heading", "span", "sentence"}
    assert {query.kind for query in dataset.splits["dev"].queries} == {"keyphrase"}


def test_the_same_source_gives_the_same_bytes_and_another_seed_does_not(document_folder, tmp_path):
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        generate(document_folder, tmp_path / name, seed=seed)
    queries = [(tmp_path / name / "dataset" / "queries.jsonl").read_bytes() for name in ("one", "two", "three")]
    assert queries[0] == queries[1] != queries[2]


def test_test_queries_of_a_source_are_kept_for_testing(tmp_path):
    source = write_beir(tmp_path / "source", ["train", "dev", "test"])
    for mode in ("generate", "source", "both"):
        generate(source, tmp_path / mode, queries_from=mode)
        splits = read_dataset(tmp_path / mode / "dataset").splits
        assert {query.query_id for query in splits["test"].queries} == {f"q{n}" for n in range(2, 30, 3)}
        trained = {query.query_id for query in splits["train"].queries}
        assert not trained & {f"q{n}" for n in range(2, 30, 3)}
        assert {f"q{n}" for n in range(0, 30, 3)} <= trained or mode == "generate"
        assert ("heading" in {query.kind for query in splits["train"].queries}) is (mode != "source")


def test_train_queries_alone_are_split_by_document(tmp_path):
    source = write_beir(tmp_path / "source", ["train"])
    result = generate(source, tmp_path / "run", queries_from="source")
    counts = {name: kinds.get("source", 0) for name, kinds in result.record.queries.items()}
    assert sum(counts.values()) == 30
    assert min(counts.values()) >= 2


def test_too_little_text_is_refused(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("Short.\n")
    with pytest.raises(DataError, match=r"expected queries for \w+, found none in 1 passages"):
        generate(tmp_path / "docs", tmp_path / "run")
    assert not (tmp_path / "run" / "dataset").exists()


def add_document(source, name, like):
    """Put a document of the corpus in again under another id."""
    lines = (source / "corpus.jsonl").read_text().splitlines()
    row = next(row for row in map(json.loads, lines) if row["_id"] == like)
    (source / "corpus.jsonl").write_text("\n".join([*lines, json.dumps(row | {"_id": name})]) + "\n")


def test_identical_documents_of_a_corpus_are_one_relevance_class(tmp_path):
    source = write_beir(tmp_path / "source", ["train", "dev", "test"])
    add_document(source, "twin", "d2")
    result = generate(source, tmp_path / "run", queries_from="source")
    assert result.record.identical_passages == 1
    dataset = read_dataset(tmp_path / "run" / "dataset")
    document_of = {passage.passage_id: passage.document_id for passage in dataset.passages}
    assert {document_of[name] for name in dataset.splits["test"].qrels["q2"]} == {"d2", "twin"}
    assert len(dataset.splits["test"].qrels["q5"]) == 1


def test_judged_documents_that_are_not_in_the_corpus_are_warned_of(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(logging.getLogger("embedtune"), "propagate", True)
    source = write_beir(tmp_path / "source", ["train", "dev", "test"])
    with (source / "qrels" / "test.tsv").open("a") as file:
        file.write("q2\tgone\t1\nq5\tlost\t1\n")
    generate(source, tmp_path / "run")
    words = "2 judged documents are not in this corpus, such as 'gone' (line 12), 'lost' (line 13)"
    assert f"{source}: qrels of test: {words}" in caplog.messages


def test_judgements_of_another_corpus_are_refused(tmp_path):
    source = write_beir(tmp_path / "source", ["train", "dev", "test"])
    (source / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq2\tx\t1\n")
    with pytest.raises(
        DataError, match=r"qrels of test: expected judgements of documents of this corpus, such as 'd0'"
    ):
        generate(source, tmp_path / "run")


def test_labels_beside_documents_teach_alone_unless_both_are_wanted(tmp_path, document_folder, tiny_base):
    labels = tmp_path / "pairs.jsonl"
    rows = [
        {"query": f"which number has question {n}", "pos": [f"Answer {n} of many stands nowhere else."]}
        for n in range(30)
    ]
    labels.write_text("\n".join(map(json.dumps, rows)))
    settings = {"source": document_folder, "labels": labels, "model": tiny_base, "window_tokens": 32}
    record = embedtune.generate(out=tmp_path / "run", **settings).record
    assert record.passages_from_labels == 30
    assert sum(kinds["source"] for kinds in record.queries.values()) == 30
    assert {kind for kinds in record.queries.values() for kind in kinds} == {"source"}
    both = embedtune.generate(out=tmp_path / "both", queries_from="both", **settings).record
    assert {"source", "span"} <= both.queries["train"].keys()


def test_a_label_file_is_a_source(tmp_path, tiny_base, invoke):
    labels = tmp_path / "pairs.csv"
    labels.write_text("anchor,positive,negative\n" + "".join(f"query {n},Answer {n}.,Other {n}.\n" for n in range(30)))
    code, out, _ = invoke("generate", labels, "--out", tmp_path / "run", "--model", tiny_base)
    assert (code, out.splitlines()[0]) == (0, "60 documents, 0 not read, 60 passages")
    dataset = read_dataset(tmp_path / "run" / "dataset")
    assert {tuple(grades.values()) for queries in dataset.splits.values() for grades in queries.qrels.values()} == {
        (1, 0)
    }
