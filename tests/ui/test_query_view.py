import pytest

from embedtune.serving.excerpts import Excerpts
from embedtune.ui.evaluations import read_evaluations
from embedtune.ui.query_view import QueryViews


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
