from __future__ import annotations

import pytest

from embedtune.project.evaluation_records import Comparison, EvaluationRecord
from embedtune.project.records import ModelRecord
from tests.records import comparison, results


@pytest.mark.parametrize(
    ("record", "queries_only"),
    [
        (ModelRecord(shipped="base", method="hybrid-vector", passages="base"), False),
        (ModelRecord(shipped="tuned", method="hybrid-vector", passages="base", sketch=True), False),
        (ModelRecord(shipped="tuned", method="query-lora", passages="base"), True),
        (ModelRecord(shipped="tuned", method="lora"), False),
    ],
)
def test_queries_alone_differ_where_the_base_gives_all_of_the_passages_vectors(record, queries_only):
    assert record.queries_only is queries_only


def test_a_record_is_written_with_what_was_set_and_read_back():
    record = ModelRecord(shipped="tuned", method="pca", passages="base", directions=12)
    assert record.as_json() == {"shipped": "tuned", "method": "pca", "passages": "base", "directions": 12}
    assert ModelRecord.model_validate(record.as_json()) == record


def test_a_comparison_has_the_names_of_the_files_and_six_decimals():
    row = comparison(difference=0.0512345678, ci95=(0.01, 0.0987654321)).rounded().as_json()
    assert (row["a"], row["b"], row["delta"], row["ci95"]) == ("tuned", "base", 0.051235, [0.01, 0.098765])
    assert (row["better"], row["worse"]) == (True, False)
    assert Comparison.model_validate(row).difference == 0.051235
    assert comparison(ci95=None).as_json()["ci95"] is None


def test_one_query_set_is_stored_without_a_frame():
    own = results("ship", comparison())
    record = EvaluationRecord(queries="own", shipped="tuned", sets={"own": own})
    assert record.as_json() == own.as_json()
    assert EvaluationRecord.model_validate(record.as_json()) == record
    assert (record.verdict, record.only) == (own.verdict, own)
    assert own.comparison("tuned", "base", "ndcg@10") == comparison()
    assert own.comparison("base", "tuned", "ndcg@10") is None


def test_several_query_sets_are_stored_by_name():
    record = EvaluationRecord(queries="a, b", shipped="tuned", sets={"a": results("ship"), "b": results("use_fusion")})
    assert list(record.as_json()["sets"]) == ["a", "b"]
    assert EvaluationRecord.model_validate(record.as_json()) == record
    with pytest.raises(ValueError, match="expected one query set, found a, b"):
        _ = record.verdict
