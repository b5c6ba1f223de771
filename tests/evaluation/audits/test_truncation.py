from __future__ import annotations

import math

import pytest

from embedtune.evaluation.audits.impact import UNKNOWN
from embedtune.evaluation.audits.truncation import Seen, answers_beyond, audit_truncation
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


QRELS = {"q": {"a": 1}, "r": {"a": 1}}
FIRST, SECOND = {"a": 2.0, "b": 1.0}, {"b": 2.0, "a": 1.0}
STEP = 100 * (1 - 1 / math.log2(3))


def test_the_price_is_what_windows_bring():
    # with windows both answers are first; cut off, r's falls to rank 2.
    found = audit_truncation(QRELS, {"base": {"q": FIRST, "r": FIRST}}, {"r"}, 1, 254, {"q": FIRST, "r": SECOND})
    assert found.n_affected == 1
    assert found.impact.score == pytest.approx(STEP / 2, abs=1e-3)
    assert found.severity == "warn"
    assert f"changes the base's score by {STEP / 2:+.2f} points" in found.sentence


def test_without_a_plain_run_groups_are_told_and_not_priced():
    found = audit_truncation(QRELS, {"base": {"q": FIRST, "r": SECOND}}, {"r"}, 2, 254)
    assert (found.impact, found.severity) == (UNKNOWN, "note")
    assert "these queries score 0.631 and the others 1.000" in found.sentence
    assert "is no impact" in found.sentence


def test_short_passages_lose_nothing():
    found = audit_truncation(QRELS, {"base": {"q": FIRST, "r": FIRST}}, set(), 0, 254)
    assert (found.severity, found.n_affected) == ("ok", 0)
