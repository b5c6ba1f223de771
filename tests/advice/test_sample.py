"""What the sample holds: answers, and other passages to tell them from."""

from __future__ import annotations

import pytest

from embedtune.advice.sample import MAX_ANSWERS, Bounds, draw_sample
from embedtune.records import Passage, Query, QuerySet

PASSAGES = [Passage(f"p{number}", f"d{number // 2}", "", "word " * 10, 0, 50) for number in range(40)]
WIDE = Bounds(passages=100, tokens=10_000, queries=100)


def words(texts):
    return [len(text.split()) for text in texts]


def judged(qrels: dict[str, dict[str, int]], judges: str) -> QuerySet:
    return QuerySet("mine", [Query(name, name, "source") for name in qrels], qrels, judges)


def test_a_small_corpus_is_taken_whole():
    sample = draw_sample(PASSAGES, judged({"q": {"d3": 1}}, "document"), words, WIDE, 0)
    assert sample.passages == PASSAGES
    assert (sample.tokens, len(sample.units.ids)) == (400, 20)


@pytest.mark.parametrize("judges", ["passage", "document"])
def test_answers_come_first_and_others_fill_the_room(judges):
    name = "p" if judges == "passage" else "d"
    queries = judged({f"q{number}": {f"{name}{number}": 1} for number in range(20)}, judges)
    sample = draw_sample(PASSAGES, queries, words, Bounds(passages=20, tokens=10_000, queries=100), 0)
    assert len(sample.passages) == 20
    held = {passage.passage_id if judges == "passage" else passage.document_id for passage in sample.passages}
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
