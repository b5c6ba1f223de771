from __future__ import annotations

import shutil

import pytest

import embedtune
from embedtune.dataset import read_dataset
from embedtune.errors import ConfigError, DataError
from embedtune.formats.run_files import read_run as read_run_file
from embedtune.project.records import ModelRecord
from embedtune.project.trained_run import read_trained_run
from embedtune.serving.retriever import Retriever
from embedtune.serving.run_index import RunIndex, check_system
from tests.served_runs import QUERIES


def test_a_system_of_a_model_that_is_not_there_is_refused(tmp_path, served_run):
    run = read_trained_run(served_run("lora"))
    shipped_base = run._replace(model=run.model.model_copy(update={"record": ModelRecord(shipped="base")}))
    with pytest.raises(DataError, match="training shipped the base"):
        check_system(shipped_base, "rrf_tuned")
    with pytest.raises(ConfigError, match="system: expected auto or one of"):
        check_system(run, "rrf_tund")


def test_systems_share_models_and_vectors(served_run):
    opened = RunIndex(served_run("query-lora", evaluated=True))
    first, second = Retriever(opened, "tuned"), Retriever(opened, "hybrid_tuned")
    assert first.embedder is second.embedder
    assert first.embedder is opened.embedder("tuned")
    assert Retriever(opened, "bm25").embedder is None
    assert opened.systems[0] == "bm25"


def test_precision_is_that_of_the_evaluation(served_run):
    assert RunIndex(served_run("query-lora", evaluated=True)).embedder("base").precision == "fp32"
    assert RunIndex(served_run("lora"), precision="bf16").embedder("base").precision == "bf16"


def test_a_depth_of_nothing_is_refused(served_run):
    with pytest.raises(ConfigError, match="depth: expected 1 or more"):
        RunIndex(served_run("lora"), depth=0)


def test_answers_are_the_same_whatever_was_asked_before(served_run):
    run = served_run("query-lora", prompts=True, evaluated=True)
    kept, afresh = (Retriever.from_run(run, "rerank_base", token_memory=memory) for memory in (64, 0))
    for query in (*QUERIES[:6], *QUERIES[:6]):
        mine, theirs = (
            {hit.passage.passage_id: hit.score for hit in each.retrieve(query, 20)} for each in (kept, afresh)
        )
        # As over a store: a random model's cosines lie close together, and batches of other lengths round their last bits.
        assert mine == pytest.approx(theirs, abs=2e-4)


def test_less_than_no_memory_is_refused(served_run):
    run = served_run("lora")
    with pytest.raises(ConfigError, match="expected 0 MiB or more, found -1"):
        RunIndex(run, token_memory=-1)


def evaluated_by(run, index, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    options = {"index": index, "rerank": 0, "precision": "fp32"}
    return tmp_path / "run", embedtune.evaluate(embedtune.EvaluateConfig(**options), tmp_path / "run").record


def test_the_index_of_the_evaluation_is_what_answers(served_run, tmp_path):
    run, record = evaluated_by(served_run("lora"), ("ivf2,flat,nprobe=1", "hnsw8"), tmp_path)
    results = next(iter(record.sets.values())) if record.sets else record
    system = "tuned:ivf2,flat,nprobe=1"
    kept = read_run_file(next((run / "eval").glob("**/*nprobe*")))
    queries = [query for query in read_dataset(run / "dataset").splits["test"].queries if query.query_id in kept]
    by_index, exact = RunIndex(run), RunIndex(run, index="")
    answers, all_of_them = (Retriever(each, "tuned") for each in (by_index, exact))
    differ = 0
    for query in queries:
        found = {hit.passage.passage_id: hit.score for hit in answers.retrieve(query.text, 10)}
        wanted = dict(sorted(kept[query.query_id].items(), key=lambda row: -row[1])[:10])
        assert found == pytest.approx(wanted, abs=1e-5)
        differ += found.keys() != {hit.passage.passage_id for hit in all_of_them.retrieve(query.text, 10)}
    assert differ  # one of two lists does not hold all that is near
    assert results.indexes[0].system == system
    assert 0 < len(Retriever(by_index, "hybrid_tuned").retrieve(queries[0].text, 5)) <= 5


def test_another_index_can_be_asked_for_and_what_is_none_is_refused(served_run, tmp_path):
    run = shutil.copytree(served_run("lora"), tmp_path / "run")
    given = Retriever.from_run(run, "tuned", index="HNSW8")
    assert given.retrieve("water", 3) == Retriever.from_run(run, "tuned").retrieve("water", 3)
    assert len([*(run / ".vectors").glob("*.derived")]) == 1
    with pytest.raises(ConfigError, match="index: expected an index of FAISS such as"):
        RunIndex(run, index="annoy")
