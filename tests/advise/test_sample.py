"""What the sample holds: answers, and other passages to tell them from."""

from __future__ import annotations

import pytest

from embedtune.advise.inputs import MAX_TRAIN_QUERIES, gather
from embedtune.advise.sample import MAX_ANSWERS, Bounds, draw_sample
from embedtune.errors import DataError
from embedtune.types import Passage, Query, QuerySet


def test_half_of_the_documents_judge_and_half_teach(material):
    documents = {passage.passage_id: passage.document_id for passage in material.passages}
    judging = {documents[name] for judged in material.judged.qrels.values() for name in judged}
    teaching = {documents[name] for judged in material.train.qrels.values() for name in judged}
    assert judging and teaching and not judging & teaching
    assert material.drawn
    assert {query.kind for query in material.judged.queries} == {"heading", "span", "sentence"}


def test_own_documents_are_cut_as_large_as_the_largest_chunk(material):
    counts = material.base.token_counts([passage.full_text for passage in material.passages])
    assert 32 < max(counts) <= material.base.window == 62


def test_train_queries_are_those_of_the_sample(material, judge):
    train = material.train_in(judge.sample, 0)
    held = {passage.passage_id for passage in judge.sample.passages}
    assert 64 <= len(train.queries) <= MAX_TRAIN_QUERIES
    assert all(train.qrels[query.query_id].keys() <= held for query in train.queries)


def test_given_queries_judge_documents_and_all_documents_teach(made, beir_folder, tmp_path):
    found = gather(made.model_copy(update={"source": str(beir_folder)}), str(beir_folder), tmp_path)
    assert (found.drawn, found.judged.judged_unit, len(found.judged.queries)) == (False, "document", 26)
    assert found.source.ready_made and found.n_passages == 26


def test_a_source_from_which_nothing_can_be_drawn_is_refused(made, tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("Hello.", encoding="utf-8")
    with pytest.raises(DataError, match="expected text to draw queries from"):
        gather(made.model_copy(update={"source": str(tmp_path / "docs")}), None, tmp_path)


PASSAGES = [Passage(f"p{number}", f"d{number // 2}", "", "word " * 10, 0, 50) for number in range(40)]
WIDE = Bounds(passages=100, tokens=10_000, queries=100)


def words(texts):
    return [len(text.split()) for text in texts]


def judged(qrels: dict[str, dict[str, int]], judged_unit: str) -> QuerySet:
    return QuerySet("mine", [Query(name, name, "source") for name in qrels], qrels, judged_unit)


def test_a_small_corpus_is_taken_whole():
    sample = draw_sample(PASSAGES, judged({"q": {"d3": 1}}, "document"), words, WIDE, 0)
    assert sample.passages == PASSAGES
    assert (sample.tokens, len(sample.units.ids)) == (400, 20)


@pytest.mark.parametrize("judged_unit", ["passage", "document"])
def test_answers_come_first_and_others_fill_the_room(judged_unit):
    name = "p" if judged_unit == "passage" else "d"
    queries = judged({f"q{number}": {f"{name}{number}": 1} for number in range(20)}, judged_unit)
    sample = draw_sample(PASSAGES, queries, words, Bounds(passages=20, tokens=10_000, queries=100), 0)
    assert len(sample.passages) == 20
    held = {passage.passage_id if judged_unit == "passage" else passage.document_id for passage in sample.passages}
    assert 4 <= len(sample.judged.queries) <= 12  # answers take three fifths of the room at most
    assert all(held >= set(sample.judged.qrels[query.query_id]) for query in sample.judged.queries)
    assert list(sample.judged.qrels) == [query.query_id for query in sample.judged.queries]


def test_tokens_and_queries_are_bounded_too():
    queries = judged({f"q{number}": {f"p{number}": 1} for number in range(30)}, "passage")
    assert draw_sample(PASSAGES, queries, words, Bounds(100, 100, 100), 0).tokens == 100
    assert len(draw_sample(PASSAGES, queries, words, Bounds(100, 10_000, 7), 0).judged.queries) == 7


def test_of_many_answers_the_best_are_taken_and_the_seed_draws():
    queries = judged({"q": {f"p{number}": 2 if number > 30 else 1 for number in range(40)}}, "passage")
    sample = draw_sample(PASSAGES, queries, words, Bounds(MAX_ANSWERS + 2, 10_000, 9), 0)
    grades = sorted(sample.judged.qrels["q"].values())
    assert grades.count(2) >= MAX_ANSWERS
    other = draw_sample(PASSAGES, queries, words, Bounds(MAX_ANSWERS + 2, 10_000, 9), 1)
    again = draw_sample(PASSAGES, queries, words, Bounds(MAX_ANSWERS + 2, 10_000, 9), 0)
    assert again.passages == sample.passages
    assert other.passages != sample.passages


def test_a_query_without_an_answer_here_is_not_asked():
    sample = draw_sample(
        PASSAGES, judged({"q": {"d99": 1}, "r": {"d1": 0}, "s": {"d1": 1}}, "document"), words, WIDE, 0
    )
    assert [query.query_id for query in sample.judged.queries] == ["s"]
