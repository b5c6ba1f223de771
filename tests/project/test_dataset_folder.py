from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.errors import DataError
from embedtune.formats import beir
from embedtune.project.dataset_folder import read_dataset, write_dataset
from embedtune.types import SPLITS, Dataset, Passage, Query, QuerySet, Skipped


@pytest.fixture
def dataset() -> Dataset:
    passages = [
        Passage("p-1", "brava.md", "Brava 3 › Tank", "Fill it with cold water.", 30, 54),
        Passage("p-2", "brava.md", "Brava 3 › Pump", "It stops by itself.", 70, 89),
    ]
    splits = {
        "train": QuerySet("train", [Query("q-1", "fill tank", "span")], {"q-1": {"p-1": 1}}, "passage"),
        "dev": QuerySet("dev", [Query("q-2", "pump stops", "keyphrase")], {"q-2": {"p-2": 1, "p-1": 0}}, "passage"),
        "test": QuerySet("test", [], {}, "passage"),
    }
    return Dataset(passages, splits)


def test_dataset_comes_back_as_it_was_written(tmp_path, dataset):
    write_dataset(tmp_path, dataset, [])
    assert read_dataset(tmp_path) == dataset


def test_folder_is_a_beir_folder(tmp_path, dataset):
    write_dataset(tmp_path, dataset, [])
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*"))
    assert files == [
        "corpus.jsonl",
        *[f"qrels/{split}.tsv" for split in sorted(SPLITS)],
        "queries.jsonl",
        "skipped.tsv",
    ]
    assert [document.document_id for document in beir.read_documents(tmp_path)] == ["p-1", "p-2"]


def test_skipped_files_are_listed_one_a_line(tmp_path, dataset):
    write_dataset(tmp_path, dataset, [Skipped("scan.pdf", "no reader for .pdf"), Skipped("odd\tname\n.txt", "empty")])
    assert (tmp_path / "skipped.tsv").read_text() == (
        "document\treason\nscan.pdf\tno reader for .pdf\nodd name .txt\tempty\n"
    )


def test_judgement_of_an_unknown_passage_is_refused(tmp_path, dataset):
    dataset.splits["dev"].qrels["q-2"]["p-9"] = 1
    write_dataset(tmp_path, dataset, [])
    with pytest.raises(DataError, match=r"dev\.tsv: expected queries and passages of this dataset, found 'q-2'"):
        read_dataset(tmp_path)


def test_judgement_of_an_unknown_query_is_refused(tmp_path, dataset):
    dataset.splits["train"].qrels["q-9"] = {"p-1": 1}
    write_dataset(tmp_path, dataset, [])
    with pytest.raises(DataError, match=r"train\.tsv: expected queries and passages of this dataset, found 'q-9'"):
        read_dataset(tmp_path)


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl"])
def test_missing_file_is_refused(tmp_path, dataset, name):
    write_dataset(tmp_path, dataset, [])
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match=f"{name}: expected a file, found nothing"):
        read_dataset(tmp_path)


@pytest.mark.parametrize("split", SPLITS)
def test_missing_qrels_are_refused(tmp_path, dataset, split):
    write_dataset(tmp_path, dataset, [])
    (tmp_path / "qrels" / f"{split}.tsv").unlink()
    with pytest.raises(DataError, match=rf"{split}\.tsv: expected a file, found nothing"):
        read_dataset(tmp_path)


def test_query_of_two_splits_comes_back(tmp_path, dataset):
    dataset.splits["test"] = QuerySet("test", dataset.splits["train"].queries, {"q-1": {"p-2": 1}}, "passage")
    write_dataset(tmp_path, dataset, [])
    assert read_dataset(tmp_path) == dataset


def test_dataset_without_a_passage_is_refused(tmp_path, dataset):
    write_dataset(tmp_path, dataset, [])
    (tmp_path / "corpus.jsonl").write_text("")
    with pytest.raises(DataError, match=r"corpus\.jsonl: expected at least one passage, found none"):
        read_dataset(tmp_path)


@given(
    name=st.sampled_from(["corpus.jsonl", "queries.jsonl", "qrels/dev.tsv"]),
    change=st.tuples(st.integers(0, 200), st.integers(0, 20), st.binary(max_size=8)),
)
def test_any_change_of_a_file_is_read_or_refused(name, change, scratch):
    start, length, new = change
    folder = scratch / "dataset"
    folder.mkdir(exist_ok=True)
    passage = Passage("p-1", "brava.md", "Tank", "Fill it with cold water.", 30, 54)
    labelled = QuerySet("dev", [Query("q-1", "fill tank", "span")], {"q-1": {"p-1": 1}}, "passage")
    write_dataset(folder, Dataset([passage], dict.fromkeys(SPLITS, labelled)), [])
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:start] + new + content[start + length :])
    with contextlib.suppress(DataError):
        assert read_dataset(folder).passages
