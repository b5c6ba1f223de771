from __future__ import annotations

import numpy as np
import pytest

from embedtune.errors import DataError
from embedtune.serving.retriever import Retriever
from embedtune.serving.run_index import RunIndex
from embedtune.serving.stores import StoredVectors
from embedtune.serving.windows import load_rows
from tests.served_runs import QUERIES


class Rows:
    """The smallest store there is."""

    def __init__(self, rows):
        self.ids = [row.passage_id for row in rows]
        self.matrix = np.stack([row.vector for row in rows])
        self.asked = []

    def search(self, vector, k):
        self.asked.append(k)
        scores = self.matrix @ vector
        return [(self.ids[n], float(scores[n])) for n in np.argsort(-scores)[:k]]


@pytest.fixture(scope="module")
def run(served_run):
    return served_run("query-lora", prompts=True, evaluated=True)


@pytest.fixture(scope="module")
def store(run):
    return Rows(load_rows(run, "base", precision="fp32"))


@pytest.mark.parametrize(
    "system",
    ["base", "tuned", "hybrid_base", "hybrid_tuned", "rrf_base", "rrf_tuned", "rerank_base", "rerank_tuned"],
)
def test_a_store_of_the_base_gives_what_memory_gives(run, store, system):
    expected = Retriever.from_run(run, system).retrieve_batch(QUERIES[:12], 10)
    found = Retriever.from_run(run, system, store=store).retrieve_batch(QUERIES[:12], 10)
    for mine, theirs in zip(found, expected, strict=True):
        assert [hit.passage for hit in mine] == [hit.passage for hit in theirs]
        # A random model's cosines lie close together: their z-scores multiply the last bits by about fifty.
        tolerance = 2e-4 if "rerank" in system else 1e-4 if "hybrid" in system else 1e-5
        assert [hit.score for hit in mine] == pytest.approx([hit.score for hit in theirs], abs=tolerance)
        if "rerank" not in system:
            assert [hit.parts for hit in mine] == [hit.parts for hit in theirs]
            continue
        # Below the best, where reranking looks too, they are so close that two can change places.
        assert [hit.parts.lexical for hit in mine] == [hit.parts.lexical for hit in theirs]
        assert all(abs(a.parts.dense - b.parts.dense) <= 1 for a, b in zip(mine, theirs, strict=True))


def test_a_reranking_retriever_over_a_store_loads_its_model_with_the_first_query(run, store):
    retriever = Retriever.from_run(run, "rerank_base", store=store)
    assert "encoder" not in vars(retriever.embedder)
    assert retriever.retrieve(QUERIES[0], 3)
    assert "encoder" in vars(retriever.embedder)


@pytest.mark.parametrize("system", ["hybrid_tuned", "rrf_tuned"])
def test_short_lists_are_near_to_it(run, store, system):
    """Both sides cut to a third of the corpus: nine of ten of the first five stay."""
    question = ["clean the spray arm with warm water", "the old card is charged", "frost grows on the walls"]
    opened = RunIndex(run, store=store, depth=44)
    whole = Retriever.from_run(run, system).retrieve_batch(question, 5)
    short = Retriever(opened, system).retrieve_batch(question, 5)
    kept = [len({hit.passage for hit in a} & {hit.passage for hit in b}) / 5 for a, b in zip(whole, short, strict=True)]
    assert np.mean(kept) >= 0.9


def test_it_is_asked_deeper_until_there_are_enough_passages(store):
    ids = list(dict.fromkeys(store.ids))
    store.asked.clear()
    row = StoredVectors(store, ids).scores(store.matrix[:1], 5)[0]
    assert np.count_nonzero(row > -np.inf) >= 5
    assert store.asked == [5 * 2**n for n in range(len(store.asked))]
    whole = StoredVectors(store, ids).scores(store.matrix[:1], 10_000)[0]
    assert np.all(whole > -np.inf)


def test_a_passage_of_another_corpus_is_refused(store):
    with pytest.raises(DataError, match="expected passages of this run, found 'p-"):
        StoredVectors(store, ["p-other"]).scores(store.matrix[:1], 1)


def test_vectors_of_the_other_model_are_refused(served_run):
    run = served_run("lora", evaluated=True)
    of_base, of_tuned = (Rows(load_rows(run, which, precision="fp32")) for which in ("base", "tuned"))
    for system, store in (("base", of_base), ("tuned", of_tuned), ("hybrid_tuned", of_tuned)):
        assert Retriever.from_run(run, system, store=store).retrieve(QUERIES[0], 3)
    with pytest.raises(DataError, match="expected passage vectors of the tuned model, found those of the base one"):
        Retriever.from_run(run, "tuned", store=of_base).retrieve(QUERIES[0], 3)
    with pytest.raises(DataError, match="expected passage vectors of the base model"):
        Retriever.from_run(run, "hybrid_base", store=of_tuned).retrieve(QUERIES[0], 3)
