"""Hard negatives of a run: rows, what is written, when it is written again, and what is refused."""

import json
import shutil

import pytest

from embedtune.config.settings import NegativesConfig
from embedtune.dataset import read_dataset
from embedtune.errors import DataError, IntegrityError
from embedtune.pipeline.mine import mine_run
from embedtune.project.manifest import verify
from embedtune.project.records import NegativesRecord


@pytest.fixture
def run(small_run, tmp_path):
    return shutil.copytree(small_run[0], tmp_path / "run")


def rows_of(run):
    return [json.loads(line) for line in (run / "hard_negatives" / "train.jsonl").read_text("utf-8").splitlines()]


def test_every_train_query_has_rows_by_either_model(run):
    result = mine_run(run, NegativesConfig(num_negatives=3))
    rows, dataset = rows_of(run), read_dataset(run / "dataset")
    train = dataset.splits["train"]
    assert {row["anchor"] for row in rows} == {query.text for query in train.queries}
    assert list(rows[0]) == ["anchor", "positive", "negative_1", "negative_2", "negative_3"]
    assert (result.status, result.record.rows, result.record.queries) == ("done", len(rows), len(train.queries))
    assert result.record == verify(run / "hard_negatives", NegativesRecord).record
    assert mine_run(run, NegativesConfig(num_negatives=3)).status == "skipped"
    assert mine_run(run, NegativesConfig(num_negatives=3), force=True).status == "done"
    assert rows_of(run) == rows
    assert mine_run(run, NegativesConfig(num_negatives=3, model="tuned")).record.model == "tuned"
    assert rows_of(run) != rows


def test_negatives_stand_apart_from_the_answers(run):
    mine_run(run)
    dataset = read_dataset(run / "dataset")
    windows = {passage.passage_id: passage for passage in dataset.passages}
    number = {passage.passage_id: each for each, passage in enumerate(dataset.passages)}
    queries = {query.text: query for query in dataset.splits["train"].queries}
    for row in rows_of(run):
        judged = dataset.splits["train"].qrels[queries[row["anchor"]].query_id]
        for name in (name for name in row if name.startswith("negative")):
            found = [key for key, passage in windows.items() if row[name] in passage.full_text]
            assert found and not judged.keys() & set(found)
            assert all(
                abs(number[key] - number[other]) > 1 or windows[key].document_id != windows[other].document_id
                for key in found
                for other in judged
            )


def test_a_run_without_a_model_is_searched_by_its_base(run):
    shutil.rmtree(run / "model")
    assert mine_run(run).record.model == "base"
    with pytest.raises(DataError, match="expected a tuned model"):
        mine_run(run, NegativesConfig(model="tuned"))


def test_negatives_that_came_with_the_labels_are_first(tmp_path):
    from embedtune import Dataset
    from tests.small_runs import make_dataset

    texts = {f"d{n}": f"Section {n} is about {name} and nothing else." for n, name in enumerate("abcdefghijklmnop")}
    queries = {f"q{n}": f"what is said about {name}" for n, name in enumerate("abcdefghijklmnop")}
    qrels = {f"q{n}": {f"d{n}": 1, f"d{(n + 5) % 16}": 0, f"d{(n + 9) % 16}": -1} for n in range(16)}
    Dataset.from_pairs(queries, texts, qrels).save(tmp_path / "source")
    make_dataset(tmp_path / "run", tmp_path / "source", tmp_path / "base", queries_from="source")
    record = mine_run(tmp_path / "run", NegativesConfig(num_negatives=3)).record
    assert record.given == 2 * record.queries > 0
    for row in rows_of(tmp_path / "run"):
        n = list(queries.values()).index(row["anchor"])
        assert {row["negative_1"], row["negative_2"]} == {texts[f"d{(n + 5) % 16}"], texts[f"d{(n + 9) % 16}"]}


def test_a_guide_may_choose_others(run, cross_encoder):
    mine_run(run, NegativesConfig(sampling="top"))
    before = rows_of(run)
    assert mine_run(run, NegativesConfig(sampling="top", guide=str(cross_encoder), depth=5)).status == "done"
    assert [row["anchor"] for row in rows_of(run)] == [row["anchor"] for row in before]
    assert rows_of(run) != before


def test_what_was_changed_is_refused(run, tmp_path):
    with (run / "dataset" / "queries.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(IntegrityError, match=r"queries\.jsonl"):
        mine_run(run)
    with pytest.raises(DataError, match="expected the manifest"):
        mine_run(tmp_path / "empty")
    assert not (tmp_path / "empty").exists() and not (run / "hard_negatives").exists()
