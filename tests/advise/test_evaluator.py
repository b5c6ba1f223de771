"""Scores of passages against judgements: as met, by unit, at best."""

from __future__ import annotations

import numpy as np
import pytest

from embedtune.advise.evaluator import Judge, lexical_scores
from embedtune.advise.sample import Bounds, draw_sample
from embedtune.types import Passage, Query, QuerySet

TEXTS = [
    "The pump hums. Water is cold.",
    "The lamp blinks. It is red.",
    "A tank leaks. Call us.",
    "Nothing here at all.",
]
PASSAGES = [Passage(f"p{number}", f"d{number // 2}", "", text, 0, len(text)) for number, text in enumerate(TEXTS)]


def judge(kind: str, judged_unit: str, *queries: tuple[str, dict[str, int]]) -> Judge:
    listed = [Query(f"q{number}", text, kind) for number, (text, _) in enumerate(queries)]
    qrels = {f"q{number}": judged for number, (_, judged) in enumerate(queries)}
    counts = lambda texts: [len(text.split()) for text in texts]  # noqa: E731
    return Judge(draw_sample(PASSAGES, QuerySet("mine", listed, qrels, judged_unit), counts, Bounds(9, 999, 9), 0))


def whole(passages):
    return [[passage.full_text] for passage in passages]


def test_drawn_queries_meet_their_passage_without_their_sentence_and_people_meet_it_whole():
    drawn = judge("span", "passage", ("pump hums", {"p0": 1}))
    assert lexical_scores(drawn.dev_set(whole))[0].tolist() == [0, 0, 0, 0]
    people = judge("source", "passage", ("pump hums", {"p0": 1}))
    scores = lexical_scores(people.dev_set(whole))[0]
    assert scores[0] > 0 and scores[1:].tolist() == [0, 0, 0]
    assert people.dev_set(whole).windows == TEXTS  # nothing is copied for them


def test_documents_score_as_their_best_passage():
    people = judge("source", "document", ("x", {"d1": 1}))
    run = people.run(np.array([[0.1, 0.2, 0.0, 0.9]], dtype=np.float32))
    assert list(run["q0"]) == ["d1", "d0"]
    assert people.score(run)["mrr@10"].tolist() == [1.0]


def test_the_ceiling_is_the_best_order_of_what_was_found():
    people = judge("source", "passage", ("x", {"p3": 2, "p0": 1}))
    scores = np.array([[0.9, 0.8, 0.7, 0.1]], dtype=np.float32)
    run = people.run(scores)
    assert people.score(run)["ndcg@10"][0] < people.ceiling(run) == pytest.approx(1.0)
    missed = people.run(np.array([[0.9, 0.8, 0.7, 0.0]], dtype=np.float32), floor=0.0)
    assert people.ceiling(missed) < 1.0


def test_systems_are_compared_by_the_primary_measure():
    people = judge("source", "passage", *((f"x{number}", {"p0": 1}) for number in range(9)))
    good = people.score(people.run(np.tile(np.array([[0.9, 0.1, 0.0, 0.0]], dtype=np.float32), (9, 1))))
    bad = people.score(people.run(np.tile(np.array([[0.1, 0.9, 0.0, 0.0]], dtype=np.float32), (9, 1))))
    found = people.compare({"good": good, "bad": bad}, [("good", "bad")])["good", "bad"]
    assert (found.measure, found.n_queries) == ("ndcg@10", 9)
    assert found.difference > 0.3
