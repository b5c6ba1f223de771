from __future__ import annotations

import pytest

from embedtune.serving.retriever import Retriever
from tests.served_runs import QUERIES


@pytest.fixture(scope="module")
def run(served_run):
    return served_run("linear", evaluated=True)


@pytest.mark.parametrize("name", ["faiss", "chroma", "qdrant", "lancedb"])
def test_tuned_queries_find_more_in_the_index_of_the_base(example, run, name, capsys):
    before, after = example("vector_stores").main([str(run), "--store", name])
    assert before < 0.2
    assert after > 0.9
    assert f"{name}: 48 queries" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["faiss", "chroma", "qdrant", "lancedb"])
def test_every_store_gives_what_memory_gives(example, run, name, tmp_path):
    stores = example("vector_stores")
    store = stores.index_once(run, name, tmp_path)
    questions = [*QUERIES[:8], "clean the spray arm with warm water"]
    answers = stores.switch_queries(run, store, questions, k=10)
    for system, found in zip(("base", "tuned"), answers, strict=True):
        for mine, theirs in zip(found, Retriever.from_run(run, system).retrieve_batch(questions, 10), strict=True):
            assert [hit.score for hit in mine] == pytest.approx([hit.score for hit in theirs], abs=1e-5)
            assert [hit.passage for hit in mine] == [hit.passage for hit in theirs]
