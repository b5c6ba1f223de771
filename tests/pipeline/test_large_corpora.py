"""Corpora beyond the bounds of generate: the bounds are set small here."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import islice

import pytest

import embedtune
from benchmarks.scale import make_file, make_rows, measure, texts
from embedtune.dataset import read_dataset
from embedtune.documents.near_duplicates import add_copies, group_near_duplicates
from embedtune.types import Document

BOUND = 100


def write(folder, rows):
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"_id": name, "title": "", "text": text}) + "\n" for name, text in rows]
    (folder / "corpus.jsonl").write_text("".join(lines))
    return folder


def generate(source, out, **settings):
    config = embedtune.GenerateConfig(source=str(source), **{"max_query_passages": BOUND, **settings})
    return embedtune.generate(config, out)


def files(run):
    return {
        path.name: path.read_bytes()
        for path in (run / "dataset").rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }


@pytest.fixture(scope="module")
def rows():
    return [(f"d{number}", text) for number, text in enumerate(islice(texts(), 600))]


def test_queries_are_drawn_from_a_sample_and_all_passages_are_written(rows, tmp_path):
    result = generate(write(tmp_path / "source", rows), tmp_path / "run")
    dataset = read_dataset(tmp_path / "run" / "dataset")
    assert result.record.passages == len(dataset.passages) == 600
    assert result.record.synthetic_query_passages == BOUND
    assert [passage.document_id for passage in dataset.passages] == [name for name, _ in rows]
    asked = {name for labelled in dataset.splits.values() for judged in labelled.qrels.values() for name in judged}
    assert 50 < len(asked) <= BOUND + 20  # copies outside the sample are answers too
    assert all(labelled.queries for labelled in dataset.splits.values())


def test_the_sample_follows_the_seed_alone(rows, tmp_path):
    source = write(tmp_path / "source", rows)
    for name, seed in (("one", 0), ("two", 0), ("other", 1)):
        generate(source, tmp_path / name, seed=seed)
    one, two, other = (files(tmp_path / name) for name in ("one", "two", "other"))
    assert one == two
    assert one["corpus.jsonl"] == other["corpus.jsonl"]
    assert one["train.tsv"] != other["train.tsv"]


def test_bound_that_is_not_reached_changes_nothing(rows, tmp_path):
    source = write(tmp_path / "source", rows)
    for bound in (600, 50_000):
        generate(source, tmp_path / str(bound), max_query_passages=bound)
    assert files(tmp_path / "600") == files(tmp_path / "50000")


def test_copies_outside_the_sample_share_the_judgements_and_no_text_is_on_two_sides(rows, tmp_path):
    copied = [(f"copy{name}", text) for name, text in rows]
    generate(write(tmp_path / "source", rows + copied), tmp_path / "run")
    dataset = read_dataset(tmp_path / "run" / "dataset")
    text_of = {passage.passage_id: passage.text for passage in dataset.passages}
    sides: dict[str, set[str]] = {}
    for split, labelled in dataset.splits.items():
        for judged in labelled.qrels.values():
            assert len(judged) >= 2
            for name in judged:
                sides.setdefault(text_of[name], set()).add(split)
    assert {len(held) for held in sides.values()} == {1}


def test_one_large_text_is_split_by_section(tmp_path):
    make_file(tmp_path / "source", 1)
    result = generate(tmp_path / "source", tmp_path / "run", max_query_passages=400, reading={"max_text_mb": 1})
    assert result.record.split_by == "section"
    assert result.record.documents == 1
    assert result.record.synthetic_query_passages == 400 < result.record.passages
    text = (tmp_path / "source" / "all.txt").read_text()
    for passage in read_dataset(tmp_path / "run" / "dataset").passages:
        assert text[passage.start : passage.end] == passage.text


@pytest.mark.parametrize("queries_from", ["source", "both"])
def test_labelled_queries_keep_their_answers_whatever_is_sampled(rows, tmp_path, queries_from):
    source = write(tmp_path / "source", rows)
    judged = range(0, 600, 3)
    (source / "queries.jsonl").write_text(
        "".join(json.dumps({"_id": f"q{number}", "text": f"what of {number}"}) + "\n" for number in judged)
    )
    (source / "qrels").mkdir()
    lines = ["query-id\tcorpus-id\tscore", *(f"q{number}\td{number}\t1" for number in judged)]
    (source / "qrels" / "train.tsv").write_text("\n".join(lines) + "\n")
    generate(source, tmp_path / "run", queries_from=queries_from)
    dataset = read_dataset(tmp_path / "run" / "dataset")
    document_of = {passage.passage_id: passage.document_id for passage in dataset.passages}
    kept = {
        query.query_id: {document_of[name] for name in labelled.qrels[query.query_id]}
        for labelled in dataset.splits.values()
        for query in labelled.queries
        if query.kind == "source"
    }
    assert len(kept) > 190  # those whose answer says the same as one on another side are in no split
    assert all(f"d{query_id[1:]}" in documents for query_id, documents in kept.items())


def test_forgotten_terms_are_told(rows, tmp_path):
    source = write(tmp_path / "source", rows)
    assert generate(source, tmp_path / "all").record.forgotten_terms is False
    assert generate(source, tmp_path / "some", max_terms=1000).record.forgotten_terms is True


def test_groups_that_share_a_copy_become_one():
    left, right = "a b c d e f g h i j", "k l m n o p q r s t"
    documents = [Document("0", "", left), Document("1", "", right), Document("2", "", "u v w x y z")]
    groups = group_near_duplicates(documents, containment=0.9)
    assert groups == [["0"], ["1"], ["2"]]
    others = [
        Document("x", "", f"{left} {right}"),
        Document("y", "", "u v w x y z"),
        Document("z", "", "nothing of it"),
    ]
    assert add_copies(groups, documents, others, containment=0.9) == [["0", "1", "x"], ["2", "y"]]
    assert add_copies(groups, documents, [], containment=0.9) == groups


def test_what_is_broken_off_leaves_nothing(rows, tmp_path):
    source = write(tmp_path / "source", [*rows, ("last", "x")])
    with (source / "corpus.jsonl").open("a") as file:
        file.write('{"_id": "torn')
    command = [sys.executable, "-m", "embedtune", "generate", str(source), "--out", str(tmp_path / "run"), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert "corpus.jsonl:602" in done.stderr
    assert [path.name for path in (tmp_path / "run").glob("*") if not path.name.endswith("lock")] == []


@pytest.mark.slow
@pytest.mark.parametrize(("make", "sizes"), [(make_rows, (6_000, 24_000)), (make_file, (2, 6))])
def test_memory_does_not_grow_with_the_corpus(tmp_path, make, sizes):
    settings = ["max_query_passages=1000", "max_terms=20000", "reading.max_text_mb=1"]
    peaks = []
    for size in sizes:
        make(tmp_path / f"source-{size}", size)
        peaks.append(measure(tmp_path / f"source-{size}", tmp_path / f"run-{size}", settings)["peak_mib"])
    assert peaks[1] < peaks[0] + 60
