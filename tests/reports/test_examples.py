import pytest

from embedtune.evaluation.measures import per_query
from embedtune.reports.examples import MOST, find_examples
from embedtune.text.analyzer import lexical_terms
from embedtune.types import Passage, Query, QuerySet

N = 30
PASSAGES = [
    Passage(f"p{number}", f"d{number // 2}", "Care", f"Clean part {number} of the machine with water.", 0, 40)
    for number in range(N)
]
QUERIES = [Query(f"q{number}", f"clean part {number}", "span") for number in range(N)]


def run(best):
    """Return a run whose first passage for a query is given, the right one else."""
    return {f"q{n}": {f"p{best.get(n, n)}": 0.9, f"p{n}" if n in best else "p29": 0.5, "p28": 0.1} for n in range(N)}


@pytest.fixture(scope="module")
def found():
    queries = QuerySet("mine", QUERIES, {f"q{n}": {f"p{n}": 1} for n in range(N)}, "passage")
    runs = {"base": run({0: 5, 1: 5}), "tuned": run(dict.fromkeys(range(10, 25), 7))}
    values = {name: per_query(queries.qrels, each) for name, each in runs.items()}
    return find_examples(("tuned", "base"), queries, runs, values, PASSAGES, lexical_terms)


def test_losses_and_wins_are_counted_and_the_biggest_shown(found):
    assert (found.n_better, found.n_worse, found.n_same) == (2, 15, 13)
    assert len(found.losses) == MOST
    assert [example.query_id for example in found.wins] == ["q1", "q0"]
    assert all(example.score_a < example.score_b for example in found.losses)
    assert {(example.rank_a, example.rank_b) for example in found.losses} == {(2, 1)}


def test_what_each_finds_first_stands_beside_the_other(found):
    first = found.wins[0].passages
    assert [(each.role, each.right, each.id) for each in first] == [
        ("First with base", False, "p5"),
        ("First with tuned", True, "p1"),
    ]
    marked = [text for text, shared in first[1].pieces if shared]
    assert marked == ["Clean", "part", "1"]
    assert "".join(text for text, _ in first[1].pieces) == PASSAGES[1].text


def test_where_neither_is_right_a_right_one_is_shown_too():
    queries = QuerySet("mine", QUERIES[:1], {"q0": {"p0": 1}}, "passage")
    runs = {"base": {"q0": {"p3": 0.9, "p4": 0.8, "p0": 0.7}}, "tuned": {"q0": {"p3": 0.9, "p0": 0.7}}}
    values = {name: per_query(queries.qrels, each) for name, each in runs.items()}
    (win,) = find_examples(("tuned", "base"), queries, runs, values, PASSAGES, lexical_terms).wins
    assert [(each.role, each.id) for each in win.passages] == [
        ("First with both", "p3"),
        ("A right one", "p0"),
    ]


def test_of_a_document_the_closest_passage_is_shown():
    queries = QuerySet("mine", [Query("q", "water part 3", "source")], {"q": {"d1": 1}}, "document")
    runs = {"base": {"q": {"d0": 0.9, "d1": 0.5}}, "tuned": {"q": {"d1": 0.9}}}
    values = {name: per_query(queries.qrels, each) for name, each in runs.items()}
    (win,) = find_examples(("tuned", "base"), queries, runs, values, PASSAGES, lexical_terms).wins
    assert [each.id for each in win.passages] == ["p0", "p3"]


def test_a_judged_document_that_is_not_in_the_corpus_is_passed_over():
    queries = QuerySet("mine", QUERIES[:2], {"q0": {"gone": 1}, "q1": {"p1": 1}}, "passage")
    runs = {"base": {"q0": {"p0": 1.0}, "q1": {"p2": 1.0}}, "tuned": {"q0": {}, "q1": {"p1": 1.0}}}
    values = {name: per_query(queries.qrels, each) for name, each in runs.items()}
    found = find_examples(("tuned", "base"), queries, runs, values, PASSAGES, lexical_terms)
    assert [example.query_id for example in found.wins] == ["q1"]
