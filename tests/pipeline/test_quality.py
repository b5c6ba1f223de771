from __future__ import annotations

import pytest

from embedtune.errors import ConfigError, QualityError
from embedtune.pipeline.quality import check_quality, read_bounds
from embedtune.project.evaluation_records import EvaluationRecord
from tests.records import comparison, results


def evaluation(shipped="tuned", delta=-0.05, high=-0.01, p=0.01):
    systems = {"base": {"hit_rate@5": 0.9, "ndcg@10": 0.8}, "tuned": {"hit_rate@5": 0.7, "ndcg@10": 0.75}}
    row = {"difference": delta, "ci95": (-0.09, high), "p": p}
    own = results("do_not_ship", comparison(**row), comparison("x", **row), shipped=shipped, systems=systems)
    return EvaluationRecord(queries="own", shipped=shipped, sets={"own": own})


def test_bounds_are_read_and_the_larger_of_two_counts():
    assert read_bounds(["hit_rate@5=0.9", "ndcg@10=1", "hit_rate@5=.5"]) == {"hit_rate@5": 0.9, "ndcg@10": 1.0}
    assert read_bounds([]) == {}


def test_a_measure_that_was_asked_for_can_be_bounded():
    assert read_bounds(["P@5=0.2"], ["P@5", "AP"]) == {"P@5": 0.2}
    with pytest.raises(ConfigError, match=r"did you mean 'P@5'"):
        read_bounds(["P@6=0.2"], ["P@5"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hitrate@5=0.9", "did you mean 'hit_rate@5'"),
        ("NDCG@10=0.9", "did you mean 'ndcg@10'"),
        ("xyz=0.9", "known: hit_rate@1"),
        ("ndcg@10", "from 0 to 1, found ''"),
        ("ndcg@10=90", "from 0 to 1, found '90'"),
        ("ndcg@10=nan", "from 0 to 1, found 'nan'"),
        ("ndcg@10=-0.1", "from 0 to 1"),
    ],
)
def test_a_bound_that_cannot_be_meant_is_a_mistake_of_the_user(text, words):
    with pytest.raises(ConfigError, match="1 problem") as error:
        read_bounds([text])
    assert words in str(error.value)


def test_all_mistakes_come_at_once():
    with pytest.raises(ConfigError, match="2 problems"):
        read_bounds(["a=1", "ndcg@10=2", "ndcg@10=1"])


def test_the_shipped_model_is_held_against_its_bounds():
    check_quality(evaluation(), {"hit_rate@5": 0.7})
    check_quality(evaluation(shipped="base"), {"hit_rate@5": 0.9})
    with pytest.raises(QualityError, match=r"tuned: expected hit_rate@5 of at least 0.8, found 0.7000") as error:
        check_quality(evaluation(), {"hit_rate@5": 0.8, "ndcg@10": 0.75})
    assert error.value.exit_code == 100
    assert "ndcg" not in str(error.value)


def test_a_loss_counts_only_when_it_is_asked_for_and_shown():
    check_quality(evaluation(), {})
    check_quality(evaluation(p=0.06), {}, if_worse=True)
    check_quality(evaluation(high=0.01), {}, if_worse=True)
    with pytest.raises(QualityError, match=r"found -5.0 points \(95 % interval -9.0 to -1.0, p = 0.01\)") as error:
        check_quality(evaluation(), {}, if_worse=True)
    assert str(error.value).count("expected") == 1
