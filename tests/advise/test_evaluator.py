"""Scores of passages against judgements: as met, by unit, at best."""

from __future__ import annotations

import numpy as np
import pytest

from embedtune.advise.evaluator import MAX_ANSWERS, Bounds, Evaluator, draw_sample
from embedtune.advise.systems import lexical_scores
from embedtune.types import Passage, Query, QuerySet

TEXTS = [
    "The pump hums. Water is cold.",
    "The lamp blinks. It is red.",
    "A tank leaks. Call us.",
    "Nothing here at all.",
]
PASSAGES = [Passage(f"p{number}", f"d{number // 2}", "", text, 0, len(text)) for number, text in enumerate(TEXTS)]


def evaluator(kind: str, judged_unit: str, *queries: tuple[str, dict[str, int]]) -> Evaluator:
    listed = [Query(f"q{number}", text, kind) for number, (text, _) in enumerate(queries)]
    qrels = {f"q{number}": judged for number, (_, judged) in enumerate(queries)}
    counts = lambda texts: [len(text.split()) for text in texts]  # noqa: E731
    return Evaluator(draw_sample(PASSAGES, QuerySet("mine", listed, qrels, judged_unit), counts, Bounds(9, 999, 9), 0))


def whole(passages):
    return [[passage.full_text] for passage in passages]


def test_drawn_queries_meet_their_passage_without_their_sentence_and_people_meet_it_whole():
    drawn = evaluator("span", "passage", ("pump hums", {"p0": 1}))
    assert lexical_scores(drawn.dev_set(whole))[0].tolist() == [0, 0, 0, 0]
    people = evaluator("source", "passage", ("pump hums", {"p0": 1}))
    scores = lexical_scores(people.dev_set(whole))[0]
    assert scores[0] > 0 and scores[1:].tolist() == [0, 0, 0]
    assert people.dev_set(whole).windows == TEXTS  # nothing is copied for them


def test_documents_score_as_their_best_passage():
    people = evaluator("source", "document", ("x", {"d1": 1}))
    run = people.run(np.array([[0.1, 0.2, 0.0, 0.9]], dtype=np.float32))
    assert list(run["q0"]) == ["d1", "d0"]
    assert people.score(run)["mrr@10"].tolist() == [1.0]


def test_the_ceiling_is_the_best_order_of_what_was_found():
    people = evaluator("source", "passage", ("x", {"p3": 2, "p0": 1}))
    scores = np.array([[0.9, 0.8, 0.7, 0.1]], dtype=np.float32)
    run = people.run(scores)
    assert people.score(run)["ndcg@10"][0] < people.ceiling(run) == pytest.approx(1.0)
    missed = people.run(np.array([[0.9, 0.8, 0.7, 0.0]], dtype=np.float32), floor=0.0)
    assert people.ceiling(missed) < 1.0


def test_systems_are_compared_by_the_primary_measure():
    people = evaluator("source", "passage", *((f"x{number}", {"p0": 1}) for number in range(9)))
    good = people.score(people.run(np.tile(np.array([[0.9, 0.1, 0.0, 0.0]], dtype=np.float32), (9, 1))))
    bad = people.score(people.run(np.tile(np.array([[0.1, 0.9, 0.0, 0.0]], dtype=np.float32), (9, 1))))
    found = people.compare({"good": good, "bad": bad}, [("good", "bad")])["good", "bad"]
    assert (found.measure, found.n_queries) == ("ndcg@10", 9)
    assert found.difference > 0.3


CORPUS = [Passage(f"p{number}", f"d{number // 2}", "", "word " * 10, 0, 50) for number in range(40)]
WIDE = Bounds(passages=100, tokens=10_000, queries=100)


def words(texts):
    return [len(text.split()) for text in texts]


def judged(qrels: dict[str, dict[str, int]], judged_unit: str) -> QuerySet:
    return QuerySet("mine", [Query(name, name, "source") for name in qrels], qrels, judged_unit)


def test_a_small_corpus_is_taken_whole():
    sample = draw_sample(CORPUS, judged({"q": {"d3": 1}}, "document"), words, WIDE, 0)
    assert sample.passages == CORPUS
    assert (sample.tokens, len(sample.units.ids)) == (400, 20)


@pytest.mark.parametrize("judged_unit", ["passage", "document"])
def test_answers_come_first_and_others_fill_the_room(judged_unit):
    name = "p" if judged_unit == "passage" else "d"
    queries = judged({f"q{number}": {f"{name}{number}": 1} for number in range(20)}, judged_unit)
    sample = draw_sample(CORPUS, queries, words, Bounds(passages=20, tokens=10_000, queries=100), 0)
    assert len(sample.passages) == 20
    held = {passage.passage_id if judged_unit == "passage" else passage.document_id for passage in sample.passages}
    assert 4 <= len(sample.judged.queries) <= 12  # answers take three fifths of the room at most
    assert all(held >= set(sample.judged.qrels[query.query_id]) for query in sample.judged.queries)
    assert list(sample.judged.qrels) == [query.query_id for query in sample.judged.queries]


def test_tokens_and_queries_are_bounded_too():
    queries = judged({f"q{number}": {f"p{number}": 1} for number in range(30)}, "passage")
    assert draw_sample(CORPUS, queries, words, Bounds(100, 100, 100), 0).tokens == 100
    assert len(draw_sample(CORPUS, queries, words, Bounds(100, 10_000, 7), 0).judged.queries) == 7


def test_of_many_answers_the_best_are_taken_and_the_seed_draws():
    queries = judged({"q": {f"p{number}": 2 if number > 30 else 1 for number in range(40)}}, "passage")
    sample = draw_sample(CORPUS, queries, words, Bounds(MAX_ANSWERS + 2, 10_000, 9), 0)
    grades = sorted(sample.judged.qrels["q"].values())
    assert grades.count(2) >= MAX_ANSWERS
    other = draw_sample(CORPUS, queries, words, Bounds(MAX_ANSWERS + 2, 10_000, 9), 1)
    again = draw_sample(CORPUS, queries, words, Bounds(MAX_ANSWERS + 2, 10_000, 9), 0)
    assert again.passages == sample.passages
    assert other.passages != sample.passages


def test_a_query_without_an_answer_here_is_not_asked():
    sample = draw_sample(CORPUS, judged({"q": {"d99": 1}, "r": {"d1": 0}, "s": {"d1": 1}}, "document"), words, WIDE, 0)
    assert [query.query_id for query in sample.judged.queries] == ["s"]
