from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from embedtune.serving.excerpts import Excerpt, Excerpts
from embedtune.types import Passage, Query
from embedtune.ui.evaluations import read_evaluations
from embedtune.ui.views import (
    Change,
    Piece,
    QueryViews,
    biggest,
    changes,
    fill,
    pairs,
    pieces_of,
    place_of,
    shown,
    summary,
)
from tests.ui.hostile_run import HOSTILE

FOUND = [Change(Query(name, name, "typed"), 0.5, 0.5 + gain) for name, gain in (("b", 0.2), ("a", 0.2), ("c", -0.5), ("d", 0), ("e", 0.4))]  # fmt: skip


def test_the_biggest_come_first_and_equals_by_text():
    assert [change.query.text for change in biggest(FOUND, 2, losses=False)] == ["e", "a"]
    assert [change.query.text for change in biggest(FOUND, 9, losses=True)] == ["c"]
    assert summary(FOUND) == "5 queries: 3 gained, 1 lost, 1 equal; mean +6.0 points."
    assert summary([]) == "0 queries: 0 gained, 0 lost, 0 equal; mean +0.0 points."


def test_changes_are_differences_of_the_table_and_slices_part_them(run):
    (evaluation,) = read_evaluations(run).values()
    assert pairs(evaluation)[0] == ("tuned", "base")
    found = changes(evaluation, "mrr@10")
    values = evaluation.values
    for change in found:
        name = change.query.query_id
        assert change.gain == pytest.approx(values["tuned"]["mrr@10"][name] - values["base"]["mrr@10"][name])
    labels = set(evaluation.labels["document"].values())
    parts = [changes(evaluation, "mrr@10", by="document", label=label) for label in labels]
    assert sum(map(len, parts)) == len(found)


@pytest.fixture(scope="module")
def evaluation(run):
    (found,) = read_evaluations(run).values()
    return found


def test_the_first_ten_are_those_of_the_run_file_and_relevant_ones_below_are_told(evaluation, runs):
    views = QueryViews(evaluation, runs.first.passages, runs.excerpts)
    deep = 0
    for query in evaluation.queries.queries:
        found = views.found(query.query_id, "base", 0.0)
        ranking = evaluation.ranking("base", query.query_id)
        relevant = {name for name, grade in evaluation.queries.qrels[query.query_id].items() if grade > 0}
        assert [row.rank for row in found.first] == list(range(1, 11))
        assert sum(row.relevant for row in found.first) + len(found.below) == len(relevant)
        for row in found.below:
            assert row.rank is None or ranking[row.rank - 1] in relevant
            deep += 1
    assert deep > 10


def test_what_has_gone_from_the_corpus_is_a_name(evaluation, runs):
    views = QueryViews(evaluation, [], Excerpts(runs.first.passages))
    found = views.found(evaluation.queries.queries[0].query_id, "base", 0.0)
    assert found.first[0].passage.place == evaluation.ranking("base", evaluation.queries.queries[0].query_id)[0]
    assert found.first[0].passage.pieces == []


@pytest.mark.parametrize("text", HOSTILE)
def test_every_text_is_escaped(text):
    html = fill("message.html", text=text, hint=text)
    inside = html.split('<p class="error">')[1].replace('</p><p class="soft">', "").replace("</p></div>", "")
    assert "<" not in inside
    assert '"' not in inside


def test_an_excerpt_becomes_pieces_that_make_it_again():
    excerpt = Excerpt("…clean the spray arm", [(1, 6), (11, 16)])
    pieces = pieces_of(excerpt)
    assert pieces == [
        Piece("…", False),
        Piece("clean", True),
        Piece(" the ", False),
        Piece("spray", True),
        Piece(" arm", False),
    ]
    assert pieces_of(Excerpt("", [])) == []


def test_a_place_names_file_path_and_page():
    assert place_of(Passage("p-1", "a.pdf", "Cars › Brakes", "x", 0, 1, 4)) == "a.pdf › Cars › Brakes, page 4"
    assert place_of(Passage("p-1", "a.txt", "", "x", 0, 1)) == "a.txt"


def test_a_long_text_is_cut_and_a_missing_value_is_told():
    assert len(shown(Passage("p", "d", "", "x" * 50_000, 0, 50_000), Excerpt("x", [])).text) == 20_001
    with pytest.raises(UndefinedError):
        fill("message.html")
