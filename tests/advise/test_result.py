"""The file of the advice: whole or not there."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from embedtune.advise.advise import advise
from embedtune.advise.result import Advice, check_file, write_advice
from embedtune.errors import ResourceError


@pytest.fixture(scope="module")
def advice(made, beir_folder):
    return advise(made.model_copy(update={"source": str(beir_folder)}), queries=str(beir_folder), scaling=True)


def test_there_and_back_through_a_file(advice, tmp_path):
    write_advice(advice, tmp_path / "advice.json")
    assert [path.name for path in tmp_path.iterdir()] == ["advice.json"]
    document = json.loads((tmp_path / "advice.json").read_text(encoding="utf-8"))
    assert document["schema_version"] == 1
    assert Advice.model_validate_json((tmp_path / "advice.json").read_text(encoding="utf-8")) == advice


def test_a_field_nobody_knows_is_refused(advice):
    with pytest.raises(ValidationError):
        Advice.model_validate({**advice.model_dump(), "extra": 1})


def test_people_judge_documents(advice):
    assert (advice.queries.origin, advice.queries.judged_unit, advice.queries.n) == ("given", "document", 26)
    assert advice.recommendation.weak == ["This advice is weak: only 26 queries were available."]
    assert advice.chunks.reference == "cut_off"
    assert set(advice.chunks.cells) == {"cut_off", "32", "62"}
    assert advice.window.share_lost_whole > 0


def test_scaling_has_a_point_for_each_share_and_a_slope(advice):
    counts = [point.train_queries for point in advice.scaling.points]
    assert counts == sorted(counts) and len(counts) == 3
    assert counts[0] == pytest.approx(counts[2] / 4, abs=1)
    scaling = advice.scaling
    values = [(point.gain, point.ci95) for point in scaling.points] + [(scaling.slope_per_doubling, scaling.ci95)]
    known = [(value, interval) for value, interval in values if interval]  # none where too few queries differ
    assert known
    assert all(low <= value <= high for value, (low, high) in known)


@pytest.mark.parametrize("name", ["missing/advice.json", "."])
def test_a_place_that_cannot_be_written_is_refused_before_any_work(tmp_path, name):
    with pytest.raises(ResourceError, match="expected a file that can be written"):
        check_file(tmp_path / name)


def test_a_check_leaves_nothing(tmp_path):
    check_file(tmp_path / "advice.json")
    assert list(tmp_path.iterdir()) == []
