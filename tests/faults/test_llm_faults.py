"""The short form of ``llm_faults.py``; the whole one is ``python tests/faults/llm_faults.py``."""

from __future__ import annotations

import pytest

from tests.faults.llm_faults import Questions, cost_limit, fatal_ends, storm, table


@pytest.fixture(scope="module")
def questions():
    return Questions(None, 120)


@pytest.fixture(scope="module")
def stormy(questions, tmp_path_factory):
    return storm(questions, tmp_path_factory.mktemp("storm"), None, 24, 0, 0.02, wait_s=0.1, hang_s=2)


def test_nothing_is_lost_and_nothing_is_asked_too_often(stormy):
    assert 0.25 < stormy["fault_share"] < 0.5
    assert stormy["share_of_pairs"] >= 0.99
    assert stormy["other_pairs"] == 0
    assert stormy["most_attempts"] <= 8
    assert stormy["answered_twice"] == 0
    assert stormy["refused_for_ever"]["given_up"] == stormy["refused_for_ever"]["scripted"]


def test_no_prompt_is_sent_again_before_the_time_that_the_server_asked_for(stormy):
    """Other prompts may still come: a busy machine hears late of a window. ``tests/llm/test_dispatch.py`` holds them back."""
    assert stormy["of_the_same_prompt"] == 0  # 6 where Retry-After is not heeded


def test_what_ends_a_run_ends_it_at_once(questions, tmp_path):
    rows = fatal_ends(questions, tmp_path, 8, after=30)
    assert [row["exit_code"] for row in rows] == [4, 4, 4]
    assert max(row["calls_after"] for row in rows) <= 8
    assert all(row["answers_kept"] == 30 and row["complete_then"] for row in rows)
    assert all(row["asked_when_going_on"] == 90 for row in rows)


def test_the_cost_limit_holds(questions, tmp_path, stormy):
    found = cost_limit(questions, tmp_path, 8, limit=0.01)
    assert found["exit_code"] == 4
    assert 0.004 < found["spent"] <= 0.01
    result = {"questions": "made up", "machine": "x", "seed": 0, "storm": stormy, "fatal": [], "cost_limit": found}
    assert "| attempts that went wrong | about 37 % |" in table(result)
