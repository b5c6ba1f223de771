import shutil

import pytest

import embedtune
from embedtune.errors import DataError
from embedtune.evaluation.measures import MEASURES
from embedtune.ui.browsing import ALL, LOSSES, Browsing, Choice
from embedtune.ui.run_comparison import RunComparison


@pytest.fixture(scope="module")
def browsing(hostile_run):
    return Browsing(RunComparison([hostile_run]))


def test_what_is_not_there_is_replaced(browsing):
    offer = browsing.offer(Choice(run="x", queries="y", pair="z", measure="", slice="kind: w", side=""))
    assert (
        offer.choice
        == browsing.offer(Choice()).choice
        == Choice("run", "test", "tuned against base", "ndcg@10", ALL, "gains")
    )
    assert sorted(offer.measures) == sorted(MEASURES)
    assert offer.measures[0] == "ndcg@10"


def test_gains_losses_and_slices(browsing):
    gains, losses = browsing.offer(Choice()), browsing.offer(Choice(side=LOSSES))
    assert all(text.startswith("+") and change.gain > 0 for text, change in gains.rows)
    assert all(text.startswith("-") and change.gain < 0 for text, change in losses.rows)
    assert len(gains.rows) >= 1 and len(losses.rows) >= 1
    named = [name for name in gains.slices if name != ALL]
    assert len(named) >= 2
    for name in named:
        assert browsing.offer(Choice(slice=name)).summary.startswith(f"{name.rpartition('(')[2][:-1]} queries")


def test_a_query_is_shown_under_both(browsing):
    offer = browsing.offer(Choice())
    _, change = offer.rows[0]
    shown, lists = browsing.lists(offer, change.query.query_id)
    assert shown == change
    assert [found.system for found in lists] == ["base", "tuned"]
    assert all(sum(row.relevant for row in (*found.first, *found.below)) == 1 for found in lists)
    assert browsing.lists(offer, "no such query") is None


def test_differences_are_there_to_plan_by_or_none(browsing, small_run, tmp_path):
    assert len(browsing.differences()) == 20
    shutil.copytree(small_run[0], tmp_path / "run")
    bare = Browsing(RunComparison([tmp_path / "run"]))
    assert bare.differences() == []
    embedtune.evaluate(embedtune.EvaluateConfig(precision="fp32"), tmp_path / "run")
    assert len(bare.differences()) > 10
    shutil.rmtree(tmp_path / "run" / "eval")
    with pytest.raises(DataError, match="found none"):
        bare.offer(Choice())
