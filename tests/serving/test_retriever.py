from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from embedtune.errors import ConfigError
from embedtune.formats.run_files import ranked, read_run
from embedtune.retrieval.fusion import Parts
from embedtune.serving.retriever import Hit, Retriever, hit_metadata, passage_metadata
from embedtune.serving.run_index import RunIndex
from embedtune.systems import served_systems
from embedtune.types import Passage
from tests.served_runs import QUERIES


def test_a_hit_is_read_by_name_and_in_order():
    passage = Passage("p-1", "d", "", "text", 0, 4)
    hit = Hit(passage, 0.5, 1, Parts(dense=1, lexical=None))
    assert (hit.passage.text, hit.score, hit.rank, hit.parts.dense) == ("text", 0.5, 1, 1)
    assert hit == (passage, 0.5, 1, (1, None))


WORDS = ["clean the spray arm with warm water", "frost grows on the walls", "zzz"]


@pytest.fixture(scope="module", params=["lora", "query-lora", "hybrid-vector", "passage-residuals"])
def measured(request, served_run):
    run = served_run(request.param, prompts=True, evaluated=True)
    return run, RunIndex(run)


@pytest.mark.parametrize("system", list(map(str, served_systems(tuned=True))))
def test_a_retriever_returns_what_eval_measured(measured, system):
    run, opened = measured
    recorded = read_run(run / "eval" / f"{system}.run.trec")
    found = Retriever(opened, system).retrieve_batch(QUERIES, 10)
    for number, hits in enumerate(found):
        expected = ranked(recorded.get(f"q{number}", {}))[:10]
        assert [hit.passage.passage_id for hit in hits] == [name for name, _ in expected]
        assert [hit.score for hit in hits] == pytest.approx([score for _, score in expected], abs=1e-5)
        assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))


def test_one_query_is_found_as_in_a_batch(measured):
    retriever = Retriever(measured[1], "hybrid_tuned")
    batch = retriever.retrieve_batch(WORDS * 30, 5)
    assert len(batch) == 90
    alone = retriever.retrieve(WORDS[0], 5)
    for hits in (batch[0], batch[87]):
        assert [hit.passage for hit in hits] == [hit.passage for hit in alone]
        # z-scores of this little corpus multiply the last bits of a cosine by about twenty.
        assert [hit.score for hit in hits] == pytest.approx([hit.score for hit in alone], abs=1e-4)


def test_parts_are_the_ranks_in_what_was_fused(measured):
    opened = measured[1]
    n = len(opened.passages)
    dense, lexical, fused = (Retriever(opened, name).retrieve(WORDS[0], n) for name in ("base", "bm25", "hybrid_base"))
    by_meaning = {hit.passage.passage_id: hit.rank for hit in dense}
    by_words = {hit.passage.passage_id: hit.score for hit in lexical}
    assert dense[2].parts == Parts(3, None)
    assert lexical[1].parts == Parts(None, 2)
    for hit in fused:
        name = hit.passage.passage_id
        assert hit.parts.dense == by_meaning[name]
        above = sum(score > by_words.get(name, 0) for score in by_words.values())
        assert hit.parts.lexical == (above + 1 if name in by_words else None)


def test_of_equal_scores_those_are_returned_that_eval_ranks_first(measured):
    """Words that stand in a hundred passages give many of them one score."""
    retriever = Retriever(measured[1], "bm25")
    whole = retriever.retrieve("people crooked spare parts", 200)
    ties = [number for number in range(1, len(whole)) if whole[number].score == whole[number - 1].score]
    assert len(ties) > 2
    for k in ties:
        assert retriever.retrieve("people crooked spare parts", k) == whole[:k]


def test_where_no_word_is_known_bm25_finds_nothing(measured):
    assert Retriever(measured[1], "bm25").retrieve("zzz", 3) == []


def test_a_pickled_copy_finds_the_same(served_run):
    retriever = Retriever.from_run(served_run("query-lora", prompts=True, evaluated=True), "rrf_tuned")
    copy = pickle.loads(pickle.dumps(retriever))
    assert copy.system == "rrf_tuned"
    assert copy.retrieve_batch(WORDS, 4) == retriever.retrieve_batch(WORDS, 4)


def test_threads_share_a_retriever(measured):
    retriever = Retriever(measured[1], "hybrid_tuned")
    expected = retriever.retrieve(WORDS[0], 3)
    with ThreadPoolExecutor(4) as pool:
        assert all(found == expected for found in pool.map(lambda _: retriever.retrieve(WORDS[0], 3), range(16)))


def test_wrong_arguments_are_refused(measured):
    assert Retriever(measured[1], "hybrid_base").retrieve_batch([]) == []
    with pytest.raises(ConfigError, match="expected 1 or more, found 0"):
        Retriever(measured[1], "base").retrieve("a", 0)
    with pytest.raises(ConfigError, match="expected auto or one of bm25, base"):
        Retriever(measured[1], "best")


def test_metadata_have_no_empty_values():
    bare = Passage("p-1", "d", "", "text", 0, 4)
    full = bare._replace(title="Title", page=2)
    assert passage_metadata(bare) == {"passage_id": "p-1", "document_id": "d"}
    assert passage_metadata(full) == {"passage_id": "p-1", "document_id": "d", "title": "Title", "page": 2}
    assert hit_metadata(Hit(bare, 0.5, 3, Parts(None, 3)), "bm25") == {
        "passage_id": "p-1", "document_id": "d", "system": "bm25", "rank": 3, "lexical_rank": 3,
    }  # fmt: skip
