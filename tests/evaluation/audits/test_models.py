from __future__ import annotations

import math

import pytest

from embedtune.evaluation.audits.impact import UNKNOWN
from embedtune.evaluation.audits.models import Prompts, audit_change, audit_prompts

FIRST, SECOND = {"a": 2.0, "b": 1.0}, {"b": 2.0, "a": 1.0}
STEP = 100 * (1 - 1 / math.log2(3))
QRELS = {f"q{number}": {"a": 1} for number in range(20)}
BASE = dict.fromkeys(QRELS, SECOND)


def test_a_tuned_model_with_the_same_lists_is_the_base():
    found = audit_change(QRELS, {"base": BASE, "tuned": BASE})
    assert (found.severity, found.n_affected, found.impact) == ("warn", 20, UNKNOWN)
    assert "20 of 20 queries" in found.sentence


def test_so_is_one_with_the_same_vectors():
    tuned = dict.fromkeys(QRELS, FIRST)
    assert audit_change(QRELS, {"base": BASE, "tuned": tuned}, 0.99995).severity == "warn"
    assert audit_change(QRELS, {"base": BASE, "tuned": tuned}, 0.99).severity == "ok"


def test_a_small_change_is_named_with_its_gain():
    found = audit_change(QRELS, {"base": BASE, "tuned": {**BASE, "q0": FIRST}}, 0.99)
    assert (found.severity, found.n_affected) == ("note", 19)
    assert f"the gain of {STEP / 20:+.2f} points rests on the other 1." in found.sentence


ONE = {"q": {"a": 1}}


def test_a_saved_prompt_that_was_not_used_is_a_warning():
    found = audit_prompts(Prompts({}, {"query": "query: "}, {"query": ""}), ONE, {"base": {"q": FIRST}})
    assert (found.severity, found.n_affected) == ("warn", 1)
    assert "carries query '', but was trained and measured with query 'query: '" in found.sentence


def test_without_prompts_nothing_is_forgotten():
    found = audit_prompts(Prompts({"query": ""}, {}, {}), ONE, {"base": {"q": FIRST}})
    assert (found.severity, found.impact) == ("ok", UNKNOWN)


def test_the_price_of_a_dropped_prompt_is_that_of_the_shipped_model():
    used = {"query": "query: "}
    runs = {"base": {"q": SECOND}, "tuned": {"q": FIRST}}
    found = audit_prompts(Prompts(used, used, used), ONE, runs, {"q": SECOND})
    assert (found.severity, found.n_affected) == ("note", 1)
    assert found.impact.score == pytest.approx(-STEP, abs=1e-3)
    assert f"drops the query prompt gets {-STEP:+.2f} points" in found.sentence


def test_prompts_other_than_the_bases_own_are_noted():
    used = {"query": "find: "}
    found = audit_prompts(Prompts({"query": "query: "}, used, used), ONE, {"base": {"q": FIRST}})
    assert found.severity == "note"
    assert "The base model's own: query 'query: '." in found.sentence
