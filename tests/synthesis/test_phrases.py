from __future__ import annotations

import pytest

from embedtune.synthesis.phrases import LEADS, clauses_of, runs_of, tells_nouns
from embedtune.synthesis.statistics import CorpusStatistics
from embedtune.text.language import LANGUAGE_CODES

ENGLISH = CorpusStatistics(["Fill the tank with cold water when the lamp is on, and wait for the signal of the pump."])


def runs(text: str, language: str, statistics: CorpusStatistics) -> list[tuple[str, bool]]:
    return [
        (text[clause[run.first].start : clause[run.last].end], run.is_noun)
        for clause in clauses_of(text, statistics)
        for run in runs_of(text, clause, language)
    ]


def test_marks_divide_clauses_and_hyphens_and_points_in_words_do_not():
    text = "The low-aspect-ratio wing, at Mach 2.5: it stalls (once)\nagain.\n\nStop"
    clauses = [text[clause[0].start : clause[-1].end] for clause in clauses_of(text, ENGLISH)]
    assert clauses == ["The low-aspect-ratio wing", "at Mach 2.5", "it stalls", "once", "again", "Stop"]


def test_what_follows_an_article_or_a_preposition_is_a_noun_phrase():
    found = runs("Limescale narrows the copper pipes of the machine", "english", ENGLISH)
    assert found == [("Limescale narrows", False), ("copper pipes", True), ("machine", True)]


def test_numbers_and_single_letters_at_the_ends_of_a_run_are_left_out():
    assert runs("the 42 x gasket hinge is old", "english", ENGLISH)[0] == ("gasket hinge", True)
    assert runs("patients of the clinic aged 40", "english", ENGLISH)[-1] == ("clinic aged", False)


def test_more_than_three_words_in_a_row_are_no_noun_phrase():
    found = runs("the page indicates customer charges monthly", "english", ENGLISH)
    assert found == [("page indicates customer", False), ("charges monthly", False)]


def test_japanese_nouns_have_no_ending():
    text = "渡し船は毎朝七時に北の港を出て、乗客を運びます。"
    nouns = [run for run, is_noun in runs(text, "japanese", CorpusStatistics([text])) if is_noun]
    assert nouns[0] == "渡し船" and nouns[-1] == "乗客" and "運び" not in nouns and "北" not in nouns


def test_without_leads_every_run_may_be_one():
    words = "alpha beta gamma delta epsilon zeta eta"
    found = runs(words, "xx", CorpusStatistics())
    assert found == [("alpha beta gamma", True), ("delta epsilon zeta", True), ("eta", True)]


@pytest.mark.parametrize(("language", "yes"), [("english", True), ("japanese", True), ("thai", False), ("", False)])
def test_languages_whose_nouns_are_told(language, yes):
    assert tells_nouns(language) == yes


def test_languages_have_the_names_that_texts_are_told_by():
    assert LEADS.keys() <= LANGUAGE_CODES.keys()
