from __future__ import annotations

import pytest

from embedtune.errors import ConfigError, DataError
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
