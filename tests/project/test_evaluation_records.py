import pytest

from embedtune.project.evaluation_records import Difference, EvaluationRecord, QuerySetRecord

ROW = {"a": "tuned", "b": "base", "measure": "ndcg@10", "n_queries": 3, "mean_a": 0.5, "mean_b": 0.25, "delta": 0.25}
SET = {
    "queries": "test", "n_queries": 3, "judged_unit": "passage", "systems": {"base": {"ndcg@10": 0.25}}, "shipped": "tuned",
    "clustered_by": "document", "n_clusters": 2, "comparisons": [], "verdict": {"decision": "ship", "reasons": ["It is better."]},
    "slices": [],
}  # fmt: skip


def test_a_difference_is_stored_under_its_short_names():
    row = Difference.model_validate({**ROW, "ci95": [0.1, 0.4]})
    assert (row.system, row.reference, row.difference, row.low, row.high) == ("tuned", "base", 0.25, 0.1, 0.4)
    assert row.as_json() == {**ROW, "ci95": [0.1, 0.4]}


def test_without_an_interval_nothing_is_excluded():
    row = Difference.model_validate({**ROW, "ci95": None})
    assert (row.low, row.high) == (-1.0, 1.0)


def test_files_have_six_decimals():
    row = Difference.model_validate({**ROW, "delta": 1 / 3, "ci95": [1 / 7, 2 / 3]}).rounded()
    assert (row.difference, row.ci95) == (0.333333, (0.142857, 0.666667))


def test_a_single_set_is_stored_without_a_frame():
    record = EvaluationRecord.model_validate(SET)
    assert list(record.sets) == ["test"] and record.verdict.decision == "ship"
    assert record.as_json() == QuerySetRecord.model_validate(SET).as_json()


def test_of_several_sets_one_must_be_chosen():
    sets = {"test": SET, "mine": {**SET, "queries": "mine"}}
    record = EvaluationRecord.model_validate({"queries": "test, mine", "shipped": "tuned", "sets": sets})
    assert set(record.as_json()["sets"]) == {"test", "mine"}
    with pytest.raises(ValueError, match="expected one query set, found test, mine"):
        _ = record.systems
