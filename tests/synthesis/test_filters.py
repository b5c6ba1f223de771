from __future__ import annotations

import pytest

from embedtune.synthesis.extractive import Draft
from embedtune.synthesis.filters import filter_drafts
from embedtune.synthesis.statistics import CorpusStatistics

NONE_DROPPED = {"not_language": 0, "boilerplate": 0, "duplicate": 0, "fits_anywhere": 0, "round_trip": 0}


@pytest.fixture
def statistics() -> CorpusStatistics:
    return CorpusStatistics(["filter pump valve", "filter gasket hinge", "filter bolt", *["filter"] * 30])


def run(drafts, statistics, ranks=lambda drafts: [1] * len(drafts)) -> tuple[list[Draft], dict[str, int]]:
    kept, dropped = filter_drafts(drafts, statistics, ranks)
    return kept, {reason: count for reason, count in dropped.items() if count}


def test_good_drafts_pass_in_order(statistics):
    drafts = [Draft("filter pump", "span", "p1"), Draft("gasket", "keyphrase", "p2"), Draft("Bolt!", "sentence", "p3")]
    assert filter_drafts(drafts, statistics, lambda drafts: [1] * len(drafts)) == (drafts, NONE_DROPPED)


def test_nothing_gives_nothing(statistics):
    assert filter_drafts([], statistics, lambda drafts: []) == ([], NONE_DROPPED)


@pytest.mark.parametrize("text", ["", "12 34 56 pump", "x[0] = {1: 2}; pump()", "| --- | --- |", "pump " + "x" * 296])
def test_what_is_no_language_is_dropped(statistics, text):
    assert run([Draft(text, "span", "p1")], statistics) == ([], {"not_language": 1})


def test_six_letters_in_ten_and_300_characters_are_language(statistics):
    drafts = [Draft("pum pum 1234 ", "span", "p1"), Draft("pump " + "x" * 295, "span", "p2")]
    assert len(drafts[1].text) == 300
    # six letters, four digits; "pum" is a term of no text, so the first fits anywhere
    assert run(drafts, statistics) == ([drafts[1]], {"fits_anywhere": 1})


def test_words_of_three_passages_are_boilerplate(statistics):
    drafts = [Draft("pump valve", "span", f"p{number}") for number in range(3)]
    assert run(drafts, statistics) == ([], {"boilerplate": 3})


def test_words_of_two_passages_are_a_duplicate_once(statistics):
    drafts = [Draft("pump valve", "span", "p1"), Draft("Valve, pump.", "keyphrase", "p2")]
    assert run(drafts, statistics) == (drafts[:1], {"duplicate": 1})


def test_headings_may_repeat(statistics):
    drafts = [Draft("Pump", "heading", f"p{number}") for number in range(4)]
    assert run(drafts, statistics) == (drafts, {})


def test_query_of_common_words_fits_anywhere(statistics):
    assert run([Draft("filter", "span", "p1")], statistics) == ([], {"fits_anywhere": 1})


def test_query_whose_passage_is_not_among_the_first_twenty_is_dropped(statistics):
    drafts = [Draft("pump", "span", "p1"), Draft("valve", "span", "p1"), Draft("gasket", "span", "p2")]
    assert run(drafts, statistics, lambda drafts: [20, 21, 1]) == ([drafts[0], drafts[2]], {"round_trip": 1})


def test_only_what_is_left_is_searched_for(statistics):
    drafts = [Draft("123", "span", "p1"), Draft("pump", "span", "p1"), Draft("filter", "span", "p2")]
    asked: list[Draft] = []

    def ranks(drafts):
        asked.extend(drafts)
        return [1] * len(drafts)

    run(drafts, statistics, ranks)
    assert asked == [drafts[1]]


def test_first_reason_counts(statistics):
    # numbers of three passages that fit anywhere: counted once each, as no language
    drafts = [Draft("12 34", "span", f"p{number}") for number in range(3)]
    assert run(drafts, statistics) == ([], {"not_language": 3})


def test_dropped_draft_makes_no_duplicate(statistics):
    drafts = [Draft("pump >>>>>>>>>>", "span", "p1"), Draft("pump", "span", "p1")]
    assert run(drafts, statistics) == (drafts[1:], {"not_language": 1})
