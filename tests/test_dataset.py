from __future__ import annotations

import contextlib
import json

import datasets
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.dataset import Dataset, read_dataset, write_labels
from embedtune.errors import ConfigError, DataError
from embedtune.formats import beir
from embedtune.types import SPLITS, Passage, Query, QuerySet, Skipped


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
    dataset.save(tmp_path)
    assert read_dataset(tmp_path) == dataset


def test_folder_is_a_beir_folder(tmp_path, dataset):
    dataset.save(tmp_path)
    files = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*"))
    assert files == [
        "corpus.jsonl",
        *[f"qrels/{split}.tsv" for split in sorted(SPLITS)],
        "queries.jsonl",
    ]
    assert [document.document_id for document in beir.read_documents(tmp_path)] == ["p-1", "p-2"]


def test_documents_without_a_text_are_left_out_with_a_warning(tmp_path, dataset, caplog):
    dataset.save(tmp_path)
    with (tmp_path / "corpus.jsonl").open("a") as file:
        file.write(json.dumps({"_id": "471", "title": "", "text": " "}) + "\n")
    assert {passage.passage_id for passage in Dataset.from_beir(tmp_path).passages} == {"p-1", "p-2"}
    assert "left out documents without a text: 1, '471' first" in caplog.text


def test_skipped_files_are_listed_one_a_line(tmp_path, dataset):
    write_labels(
        tmp_path, dataset.splits, [Skipped("scan.pdf", "no reader for .pdf"), Skipped("odd\tname\n.txt", "empty")]
    )
    assert (tmp_path / "skipped.tsv").read_text() == (
        "document\treason\nscan.pdf\tno reader for .pdf\nodd name .txt\tempty\n"
    )


def test_judgement_of_an_unknown_passage_is_refused(tmp_path, dataset):
    dataset.splits["dev"].qrels["q-2"]["p-9"] = 1
    dataset.save(tmp_path)
    with pytest.raises(DataError, match=r"dev\.tsv: expected queries and passages of this dataset, found 'q-2'"):
        read_dataset(tmp_path)


def test_judgement_of_an_unknown_query_is_refused(tmp_path, dataset):
    dataset.splits["train"].qrels["q-9"] = {"p-1": 1}
    dataset.save(tmp_path)
    with pytest.raises(DataError, match=r"train\.tsv: expected queries and passages of this dataset, found 'q-9'"):
        read_dataset(tmp_path)


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl"])
def test_missing_file_is_refused(tmp_path, dataset, name):
    dataset.save(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match=f"{name}: expected a file, found nothing"):
        read_dataset(tmp_path)


@pytest.mark.parametrize("split", SPLITS)
def test_missing_qrels_are_refused(tmp_path, dataset, split):
    dataset.save(tmp_path)
    (tmp_path / "qrels" / f"{split}.tsv").unlink()
    with pytest.raises(DataError, match=rf"{split}\.tsv: expected a file, found nothing"):
        read_dataset(tmp_path)


def test_query_of_two_splits_comes_back(tmp_path, dataset):
    dataset.splits["test"] = QuerySet("test", dataset.splits["train"].queries, {"q-1": {"p-2": 1}}, "passage")
    dataset.save(tmp_path)
    assert read_dataset(tmp_path) == dataset


def test_dataset_without_a_passage_is_refused(tmp_path, dataset):
    dataset.save(tmp_path)
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
    Dataset([passage], dict.fromkeys(SPLITS, labelled)).save(folder)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:start] + new + content[start + length :])
    with contextlib.suppress(DataError):
        assert read_dataset(folder).passages


QUERIES = [f"how often is part {number} of the pump cleaned" for number in range(60)]
TEXTS = [
    f"Part {number} belongs to pump {number * 7}; clean it every {number + 3} days with water." for number in range(60)
]


def test_pairs_in_memory_are_split_by_their_passages():
    dataset = Dataset.from_pairs([*QUERIES, "part 0?"], [*TEXTS, TEXTS[0]])
    assert len(dataset) == 61 and len(dataset.passages) == 60
    sides = {
        passage: name for name, queries in dataset.splits.items() for row in queries.qrels.values() for passage in row
    }
    assert sum(len(queries.qrels) for queries in dataset.splits.values()) == 61 and len(sides) == 60
    sizes = {name: len(queries.queries) for name, queries in dataset.splits.items()}
    assert sizes["dev"] in range(4, 9) and sizes["test"] in range(4, 9)
    assert dataset == Dataset.from_pairs([*QUERIES, "part 0?"], [*TEXTS, TEXTS[0]])
    assert dataset != dataset.split(seed=1) and repr(dataset).startswith("Dataset(60 passages; queries: train 4")


def test_queries_that_share_an_answer_are_on_one_side():
    queries = {f"q{number}": text for number, text in enumerate(QUERIES)}
    corpus = {f"p{number}": text for number, text in enumerate(TEXTS)}
    qrels = {
        f"q{number}": {f"p{number}": 1, f"p{number - number % 2}": 2, f"p{59 - number}": 0} for number in range(60)
    }
    dataset = Dataset.from_pairs(queries, corpus, qrels, split={"train": 0.5, "dev": 0.25, "test": 0.25})
    side = {name: split for split, found in dataset.splits.items() for name in found.qrels}
    assert len(side) == 60 and all(side[f"q{number}"] == side[f"q{number + 1}"] for number in range(0, 60, 2))
    assert dataset.splits[side["q3"]].qrels["q3"] == {"p3": 1, "p2": 2, "p56": 0}


def test_dev_has_documents_of_its_own_and_queries_drawn_from_those_of_train():
    qrels = {f"q{n}": {f"p{n // 2}": 1} for n in range(200)}
    texts = {f"p{n}": f"Pump {n} of hall {n * 7} runs {n * n} hours." for n in range(100)}
    dataset = Dataset.from_pairs({name: f"who needs {name}" for name in qrels}, texts, qrels, split="train").with_dev()
    train, dev = dataset.splits["train"], dataset.splits["dev"]
    taught = {passage for judged in train.qrels.values() for passage in judged}
    known = [passage in taught for judged in dev.qrels.values() for passage in judged]
    assert len(dataset) == 200 and len(known) == 20 and sum(known) in range(8, 11)
    assert dataset.with_dev(seed=1) is dataset


def test_all_queries_can_belong_to_one_split():
    dataset = Dataset.from_pairs(QUERIES[:2], TEXTS[:2], split="test")
    assert [len(dataset.splits[name].queries) for name in SPLITS] == [0, 0, 2]


def test_hugging_face_datasets_and_their_splits_are_taken():
    rows = datasets.Dataset.from_dict({"anchor": QUERIES, "positive": TEXTS})
    assert Dataset.from_hf(rows) == Dataset.from_pairs(QUERIES, TEXTS)
    other = rows.rename_columns({"anchor": "question", "positive": "answer"})
    assert Dataset.from_hf(other, columns=("question", "answer")) == Dataset.from_hf(other) == Dataset.from_hf(rows)
    parts = datasets.DatasetDict({"train": rows.select(range(40)), "validation": rows.select(range(40, 60))})
    assert repr(Dataset.from_hf(parts)) == "Dataset(60 passages; queries: train 40, dev 20, test 0)"
    triplets = Dataset.from_hf(rows.add_column("negative", [*TEXTS[1:], "No."]), split="train")
    assert {tuple(grades.values()) for grades in triplets.splits["train"].qrels.values()} == {(1, 0)}
    assert len(triplets.passages) == len(TEXTS) + 1


def test_label_files_are_taken(tmp_path):
    rows = [
        {"query": f"how heavy is pump {n}", "pos": [f"Pump {n} weighs {n * 31} tons."], "neg": ["No."]}
        for n in range(40)
    ]
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, rows)))
    dataset = Dataset.from_labels(tmp_path / "pairs.jsonl", split={"train": 0.5, "dev": 0.25, "test": 0.25})
    assert (len(dataset.passages), len(dataset)) == (41, 40)
    assert all(queries.queries for queries in dataset.splits.values())
    assert all(
        sorted(grades.values()) == [0, 1] for queries in dataset.splits.values() for grades in queries.qrels.values()
    )


def test_labels_are_looked_up_in_passages(tmp_path):
    passages = [Passage(f"p{n}", "a.md", "", f"Pump {n} weighs {n * 31} tons.", 30 * n, 30 * n + 25) for n in range(3)]
    (tmp_path / "train.csv").write_text("query,positive\nheavy?,pump 1 weighs 31 tons\nold?,It was built in 1800.\n")
    (tmp_path / "test.csv").write_text("query,document\nall?,a\n")
    dataset = Dataset.from_labels(tmp_path / "train.csv", tmp_path / "test.csv", passages=passages)
    assert [passage.text for passage in dataset.passages[3:]] == ["It was built in 1800."]
    assert list(dataset.splits["train"].qrels.values()) == [{"p1": 1}, {dataset.passages[3].passage_id: 1}]
    assert list(dataset.splits["test"].qrels.values()) == [{"p0": 1, "p1": 1, "p2": 1}]
    with pytest.raises(DataError, match="expected one or more label files"):
        Dataset.from_labels()


def test_queries_that_share_their_answers_are_dealt_one_by_one():
    qrels = {f"q{n}": {"all": 1, f"p{n}": 1} for n in range(40)}
    passages = {"all": "Everybody needs it.", **{f"p{n}": f"Pump {n} of hall {n * 7}." for n in range(40)}}
    dataset = Dataset.from_pairs({name: f"who needs {name} and {name}0" for name in qrels}, passages, qrels)
    assert len(dataset) == 40
    assert [len(dataset.splits[name].queries) for name in ("dev", "test")] == [4, 4]


def test_llama_index_json_is_taken(tmp_path):
    path = tmp_path / "pairs.json"
    path.write_text(json.dumps({"queries": {"a": "what?"}, "corpus": {"n": "This."}, "relevant_docs": {"a": ["n"]}}))
    dataset = Dataset.from_llama_index(str(path), split="dev")
    assert dataset.splits["dev"].qrels == {"a": {"n": 1}} and dataset.passages[0].text == "This."


def test_a_beir_folder_comes_back_as_it_was_saved(tmp_path, dataset):
    dataset.save(tmp_path / "deep" / "mine")
    assert Dataset.from_beir(tmp_path / "deep" / "mine") == dataset
    (tmp_path / "qrels").mkdir()
    (tmp_path / "corpus.jsonl").write_text('{"_id": "d1", "title": "T", "text": "x"}\n')
    (tmp_path / "queries.jsonl").write_text('{"_id": "q1", "text": "why"}\n')
    with pytest.raises(DataError, match=r"train\.tsv, dev\.tsv or test\.tsv"):
        Dataset.from_beir(tmp_path)
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\tgone\t1\n")
    plain = Dataset.from_beir(str(tmp_path))
    assert plain.passages == [Passage("d1", "d1", "T", "x", 0, 1)] and plain.splits["test"].qrels == {"q1": {"d1": 1}}


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: Dataset.from_pairs(["a"], ["b", "c"]), DataError, "1 queries and 2 passages"),
        (lambda: Dataset.from_pairs(["a"], [" "]), DataError, "in pair 0"),
        (lambda: Dataset.from_pairs("a", "b"), DataError, "found str"),
        (lambda: Dataset.from_pairs({"q": "a"}, {"p": "b"}), DataError, "dict and NoneType"),
        (lambda: Dataset.from_pairs({"q": "a"}, {"p": "b"}, {"r": {"p": 1}}), DataError, "none for 'r'"),
        (lambda: Dataset.from_pairs({"q": "a"}, {"p": "b"}, {"q": {"x": 1}}), DataError, "documents of this corpus"),
        (lambda: Dataset.from_pairs(["a"], ["b"], split="validate"), ConfigError, "found 'validate'"),
        (lambda: Dataset.from_pairs(["a"], ["b"], split={"train": 1}), ConfigError, "sum to 1"),
        (lambda: Dataset.from_hf(datasets.Dataset.from_dict({"text": ["a"]})), DataError, r"the columns \['text'\]"),
    ],
)
def test_what_is_no_dataset_is_refused(build, error, words):
    with pytest.raises(error, match=words):
        build()
