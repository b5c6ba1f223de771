from __future__ import annotations

import re

import pytest

from embedtune.serving.excerpts import Excerpts
from embedtune.types import Query
from embedtune.ui.evaluations import read_evaluations
from embedtune.ui.views import Change, QueryViews, biggest, changes, pairs, show_search, summary
from tests.served_runs import QUERIES


def test_columns_are_the_lists_with_their_marks(runs):
    found = runs.compare("clean the spray arm with water", 4)
    (only,) = found.values()
    html = show_search(found)
    assert re.findall(r"<h4>(\w+)", html) == list(only.systems)
    assert re.findall(r"<h4>(\w+) <span class=\"chosen\">", html) == ["tuned"]
    for name, column in zip(only.systems, html.split("<section>")[1:], strict=True):
        marks = re.findall(r"class=\"move (?:up|down|same)\">([^<g][^<]*)<", column)
        assert marks == [moved.move for moved in only.systems[name] if moved.move]
        assert column.count("<article>") == len(only.systems[name])
        assert column.partition(">gone<")[2].count("<div>") == len(only.gone[name])


def test_the_page_marks_words_and_says_where_nothing_was_found(runs):
    html = show_search(runs.compare("spray arm", 3))
    assert "<mark>spray</mark>" in html
    assert "<h3>" not in html
    assert "No passage has a word of the query." in show_search(runs.compare(QUERIES[0], 3))


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
