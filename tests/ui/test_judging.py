from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from embedtune.errors import ConfigError
from embedtune.evaluation.significance import POWER
from embedtune.types import Query
from embedtune.ui.judgement_folder import JudgementFolder
from embedtune.ui.judging import FEWEST, GAINS, Judging, count, marked_text, needed, pool, sentence
from tests.served_runs import QUERIES


def test_judged_queries_are_counted_and_those_without_an_answer():
    assert count({"a": {"p": 1}, "b": {"p": 0, "r": 0}}) == (2, 1)


def test_too_few_tell_nothing():
    assert needed([0.1] * (FEWEST - 1)) is None
    assert (
        sentence({"a": {"p": 1}}, None, borrowed=True)
        == "1 query judged. After 10, the number needed can be estimated."
    )


def test_so_many_queries_show_the_gain_four_times_in_five():
    random = np.random.default_rng(0)
    spread = random.normal(0, 0.2, 4000)
    plan = needed(list(spread))
    assert plan[GAINS[0]] == pytest.approx((2.8 * 0.2 / GAINS[0]) ** 2, rel=0.06)
    n = plan[GAINS[0]]
    samples = random.normal(GAINS[0], 0.2, (4000, n))
    shown = samples.mean(axis=1) / (samples.std(axis=1, ddof=1) / n**0.5) > 1.96
    assert shown.mean() == pytest.approx(POWER, abs=0.03)


def test_the_plan_is_the_same_however_many_queries_told_the_spread():
    few, many = needed([0.2, -0.2] * 50), needed([0.2, -0.2] * 500)
    assert few[0.02] == pytest.approx(many[0.02], rel=0.02)


def test_the_sentence_names_its_source():
    said = sentence({"a": {"p": 0}, "b": {"p": 1}}, {0.05: 92, 0.02: 1572}, borrowed=False)
    assert said.startswith(
        "2 queries judged, 1 without a relevant passage. About 92 to detect a gain of 5 points (90 more), 1,572 "
    )
    assert said.endswith("(by how much these differ).")


QUERY = Query("q", "clean the spray arm", "typed")


def test_a_task_shows_the_whole_passage_with_the_querys_words_marked(runs):
    found = runs.lists(QUERY.text, 1)["hybrid_tuned"][0].passage
    pieces = marked_text(found.text, QUERY.text, runs.excerpts)
    assert "".join(piece.text for piece in pieces) == found.text
    assert any(piece.match for piece in pieces)


def test_all_white_space_stays(runs):
    text = "def spray():\n    arm   = 1\n\n\treturn arm\n"
    pieces = marked_text(text, QUERY.text, runs.excerpts)
    assert "".join(piece.text for piece in pieces) == text
    assert [piece.text for piece in pieces if piece.match].count("arm") == 2


LISTS = [["a", "b", "c"], ["c", "d", "e"], []]


def test_a_pool_is_the_first_of_every_list_once():
    assert sorted(pool("q", LISTS, 2)) == ["a", "b", "c", "d"]
    assert sorted(pool("q", LISTS, 9)) == ["a", "b", "c", "d", "e"]


def test_the_order_knows_neither_system_nor_rank():
    orders = {tuple(pool("q", [list(lists) for lists in order], 3)) for order in permutations(LISTS)}
    assert orders == {tuple(pool("q", [["e", "c", "a", "d", "b"]], 5))}
    assert pool("q", LISTS, 3) != pool("another query", LISTS, 3) or pool("q", LISTS, 3) != pool("third", LISTS, 3)
    assert len({tuple(pool("q", LISTS, 3, seed=seed)) for seed in range(10)}) > 5


def test_the_first_place_falls_to_each_alike():
    names = [f"p{number}" for number in range(4)]
    first = [pool(f"q{number}", [names], 4)[0] for number in range(2000)]
    assert all(400 < first.count(name) < 600 for name in names)


def test_a_further_list_moves_nothing():
    before = pool("q", LISTS, 3)
    after = pool("q", [*LISTS, ["x", "y"]], 3)
    assert [name for name in after if name in before] == before


@pytest.fixture
def judging(runs, tmp_path):
    return Judging(runs, JudgementFolder(tmp_path / "mine", runs.first.passages), depth=3)


def say(judging, task, grade):
    return judging.say(task.query.query_id, task.passage.passage_id, grade)


def test_the_pool_of_all_systems_is_asked_one_by_one_then_the_next_query(judging, runs):
    task = judging.ask([QUERIES[3], QUERIES[4]])
    pooled = {hit.passage.passage_id for hits in runs.lists(QUERIES[3], 3).values() for hit in hits}
    seen = []
    while task.query.text == QUERIES[3]:
        assert (task.number, task.n_pooled) == (len(seen) + 1, len(pooled))
        seen.append(task.passage.passage_id)
        task = say(judging, task, int(task.passage.document_id == "d3"))
    assert set(seen) == pooled and len(seen) == len(pooled)
    assert task.query.text == QUERIES[4]
    assert judging.progress().startswith("1 query judged. ")


def test_who_comes_back_goes_on_and_what_was_skipped_is_asked_again(judging, runs):
    first = judging.ask([QUERIES[5]])
    second = say(judging, first, 1)
    third = say(judging, second, None)
    assert third.number == 3
    again = Judging(runs, JudgementFolder(judging.folder.folder, runs.first.passages), depth=3)
    assert again.next() == second


def test_back_takes_the_last_word_back(judging):
    first = judging.ask([QUERIES[5]])
    second = say(judging, first, 1)
    say(judging, second, None)
    assert judging.back() == second
    assert judging.back() == first
    assert judging.folder.qrels == {}
    assert judging.back() == first


def test_the_end_is_none_and_no_query_is_refused(judging):
    assert judging.next() is None
    with pytest.raises(ConfigError, match="found none"):
        judging.ask([" "])
    task = judging.ask([QUERIES[6]])
    while task is not None:
        task = say(judging, task, 0)
    assert "1 query judged, 1 without a relevant passage." in judging.progress()


def test_the_plan_goes_by_the_evaluation_until_ten_are_judged(runs, tmp_path):
    judging = Judging(runs, JudgementFolder(tmp_path / "mine", runs.first.passages), expected=[0.1, -0.1] * 10, depth=1)
    assert "by how much the queries of the run's evaluation differ" in judging.progress()
    task = judging.ask(QUERIES[:10])
    while task is not None:
        task = say(judging, task, int(task.passage.document_id == f"d{QUERIES.index(task.query.text)}"))
    assert "10 queries judged. About" in judging.progress()
    assert "by how much these differ" in judging.progress()


def test_what_is_not_there_is_not_judged(judging):
    task = judging.ask([QUERIES[5]])
    for query, passage in ((task.query.query_id, "p-none"), ("q-none", task.passage.passage_id)):
        with pytest.raises(ConfigError, match="nothing was saved"):
            judging.say(query, passage, 1)
    assert judging.folder.qrels == {}


def test_a_click_that_came_twice_is_one_judgement_and_back_takes_it_back(judging):
    task = judging.ask([QUERIES[5]])
    say(judging, task, 1)
    say(judging, task, 1)
    assert judging.back() == task
    assert judging.folder.qrels == {}


def test_judges_are_asked_alone(runs, tmp_path):
    folder = JudgementFolder(tmp_path / "mine", runs.first.passages)
    ada, bob = (Judging(runs, folder, judge=name, depth=2) for name in ("ada", "bob"))
    first = ada.ask([QUERIES[7]])
    say(ada, first, 1)
    assert bob.next() == first
    say(bob, first, 0)
    assert folder.by_judge["ada"] != folder.by_judge["bob"]
