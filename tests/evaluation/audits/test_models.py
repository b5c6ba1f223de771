from __future__ import annotations

import math

import pytest

from embedtune.evaluation.audits.impact import UNKNOWN
from embedtune.evaluation.audits.models import (
    Prompts,
    Seen,
    answers_beyond,
    audit_change,
    audit_prompts,
    audit_reading,
    audit_truncation,
)
from embedtune.models.readable_text import ScriptReading
from embedtune.types import Query

TEXT = "Fill the tank. Rinse the bowl. Press the button."
HALF = TEXT.index(" Rinse")


def beyond(query, *seen):
    return bool(answers_beyond([Query("q", query, "source")], {"q": seen}))


@pytest.mark.parametrize(("query", "expected"), [("empty tank", False), ("clean bowl", True), ("which button", True)])
def test_the_sentence_most_like_the_query_is_the_answer(query, expected):
    assert beyond(query, Seen(TEXT, HALF)) is expected


def test_nothing_is_beyond_a_text_that_fits():
    assert not beyond("which button", Seen(TEXT, len(TEXT)))


def test_of_equal_sentences_the_one_that_is_seen():
    assert not beyond("the", Seen(TEXT, HALF))
    assert not beyond("bowl", Seen(TEXT, HALF), Seen("A bowl.", 7))


def test_a_query_that_shares_no_word_is_not_counted():
    assert not beyond("espresso", Seen(TEXT, HALF))
    assert not beyond("tank")


SEEN_QRELS = {"q": {"a": 1}, "r": {"a": 1}}
SEEN_FIRST, SEEN_SECOND = {"a": 2.0, "b": 1.0}, {"b": 2.0, "a": 1.0}
SEEN_STEP = 100 * (1 - 1 / math.log2(3))


def test_the_price_is_what_windows_bring():
    # with windows both answers are first; cut off, r's falls to rank 2.
    found = audit_truncation(
        SEEN_QRELS, {"base": {"q": SEEN_FIRST, "r": SEEN_FIRST}}, {"r"}, 1, 254, {"q": SEEN_FIRST, "r": SEEN_SECOND}
    )
    assert found.n_affected == 1
    assert found.score_impact == pytest.approx(SEEN_STEP / 2, abs=1e-3)
    assert found.severity == "warn"
    assert f"changes the base's score by {SEEN_STEP / 2:+.2f} points" in found.sentence


def test_without_a_plain_run_groups_are_told_and_not_priced():
    found = audit_truncation(SEEN_QRELS, {"base": {"q": SEEN_FIRST, "r": SEEN_SECOND}}, {"r"}, 2, 254)
    assert ((found.score_impact, found.gain_impact), found.severity) == (UNKNOWN, "note")
    assert "these queries score 0.631 and the others 1.000" in found.sentence
    assert "is no impact" in found.sentence


def test_short_passages_lose_nothing():
    found = audit_truncation(SEEN_QRELS, {"base": {"q": SEEN_FIRST, "r": SEEN_FIRST}}, set(), 0, 254)
    assert (found.severity, found.n_affected) == ("ok", 0)


FIRST, SECOND = {"a": 2.0, "b": 1.0}, {"b": 2.0, "a": 1.0}
STEP = 100 * (1 - 1 / math.log2(3))
QRELS = {f"q{number}": {"a": 1} for number in range(20)}
BASE = dict.fromkeys(QRELS, SECOND)


def test_a_tuned_model_with_the_same_lists_is_the_base():
    found = audit_change(QRELS, {"base": BASE, "tuned": BASE})
    assert (found.severity, found.n_affected, (found.score_impact, found.gain_impact)) == ("warn", 20, UNKNOWN)
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
    assert (found.severity, (found.score_impact, found.gain_impact)) == ("ok", UNKNOWN)


def test_the_price_of_a_dropped_prompt_is_that_of_the_shipped_model():
    used = {"query": "query: "}
    runs = {"base": {"q": SECOND}, "tuned": {"q": FIRST}}
    found = audit_prompts(Prompts(used, used, used), ONE, runs, {"q": SECOND})
    assert (found.severity, found.n_affected) == ("note", 1)
    assert found.score_impact == pytest.approx(-STEP, abs=1e-3)
    assert f"drops the query prompt gets {-STEP:+.2f} points" in found.sentence


def test_prompts_other_than_the_bases_own_are_noted():
    used = {"query": "find: "}
    found = audit_prompts(Prompts({"query": "query: "}, used, used), ONE, {"base": {"q": FIRST}})
    assert found.severity == "note"
    assert "The base model's own: query 'query: '." in found.sentence


def test_letters_that_the_base_cannot_read_are_a_warning():
    read, unread = ScriptReading("Latin", 95, 0, 0), ScriptReading("Thai", 5, 5, 0)
    fine = audit_reading([read], 3)
    assert (fine.name, fine.severity, fine.n_affected) == ("reading", "ok", 0)
    found = audit_reading([read, unread], 3)
    assert (found.severity, found.n_affected) == ("warn", 3)
    assert "5% of the letters" in found.sentence and "Thai 100% unknown" in found.sentence
    assert "multilingual" in found.advice
