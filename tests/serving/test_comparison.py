from __future__ import annotations

import json
import shutil

import pytest

from embedtune.dataset import read_dataset
from embedtune.project.layout import DATASET, VECTORS
from embedtune.serving.comparison import compare
from embedtune.serving.retriever import Retriever
from embedtune.serving.run_index import RunIndex
from tests.served_runs import QUERIES
from tests.small_runs import make_dataset, train_nothing

QUESTION = "clean the spray arm with warm water"


def ids(found, system):
    return [moved.hit.passage.passage_id for moved in found.systems[system]]


@pytest.fixture(scope="module")
def opened(served_run):
    return RunIndex(served_run("linear", evaluated=True))


def test_every_system_shows_its_own_list(opened):
    found = compare(opened, QUESTION, 4)
    assert list(found.systems) == ["bm25", "base", "tuned", "hybrid_tuned"]
    for name in found.systems:
        assert ids(found, name) == [hit.passage.passage_id for hit in Retriever(opened, name).retrieve(QUESTION, 4)]
    assert found.decision.system == "tuned"
    assert {name for system in found.systems for name in ids(found, system)} == set(found.excerpts)


def test_marks_and_losses_are_against_the_base(opened):
    found = compare(opened, QUESTION, 40)
    base = ids(found, "base")
    assert {moved.move for moved in found.systems["base"]} == {""}
    for name in ("bm25", "tuned", "hybrid_tuned"):
        for moved in found.systems[name]:
            passage_id = moved.hit.passage.passage_id
            if passage_id not in base:
                assert (moved.was, moved.move) == (None, "new")
                continue
            up = base.index(passage_id) + 1 - moved.hit.rank
            assert moved.was == base.index(passage_id) + 1
            assert moved.move == (f"↑{up}" if up > 0 else f"↓{-up}" if up < 0 else "=")
        assert [passage.passage_id for passage in found.gone[name]] == [p for p in base if p not in ids(found, name)]
    assert found.gone["base"] == []


def test_the_tuned_model_brings_up_what_it_learnt(opened):
    found = compare(opened, QUERIES[3], 3)
    assert found.systems["tuned"][0].hit.passage.document_id == "d3"
    assert "d3" not in {moved.hit.passage.document_id for moved in found.systems["base"]}
    assert found.systems["bm25"] == []


def test_queries_of_the_evaluation_need_no_model(served_run, tmp_path, monkeypatch):
    """Loading one takes most of the time of `embedtune compare`."""
    run = served_run("linear", evaluated=True)
    query = read_dataset(run / DATASET).splits["test"].queries[0].text
    fresh = shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns(VECTORS, ".lock*"))
    loaded = compare(fresh, query, 4).as_json()
    monkeypatch.setattr("embedtune.serving.embedder.load_encoder", lambda *_: pytest.fail("a model was loaded"))
    found = compare(run, query, 4).as_json()
    for system, rows in loaded["systems"].items():
        scores = [row.pop("score") for row in found["systems"][system]]
        assert scores == pytest.approx([row.pop("score") for row in rows], abs=1e-3)  # z-scores of nearly equal cosines
    assert found == loaded


def test_it_becomes_json(opened):
    found = compare(opened, QUESTION, 2).as_json()
    assert json.loads(json.dumps(found)) == found
    assert found["systems"]["tuned"][0].keys() == {
        "rank", "passage_id", "document_id", "title", "score", "was", "move",
    }  # fmt: skip
    assert found["auto"] == "tuned"


def test_a_run_that_shipped_the_base_is_compared_without_a_tuned_model(document_folder, tmp_path):
    base = make_dataset(tmp_path / "run", document_folder, tmp_path / "base")
    train_nothing(tmp_path / "run", base, shipped="base")
    found = compare(tmp_path / "run", "spray arm", 3)
    assert list(found.systems) == ["bm25", "base", "hybrid_base"]
    assert found.decision.system == "base"
