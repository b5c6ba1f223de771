from __future__ import annotations

import random

import pytest

from embedtune.synthesis.questions import FORMS, ask
from embedtune.text.language import LANGUAGE_CODES


@pytest.mark.parametrize("language", FORMS)
def test_every_form_holds_one_phrase(language):
    assert len(set(FORMS[language])) == len(FORMS[language])
    assert {form.count("{}") for form in FORMS[language]} == {1}


def test_languages_have_the_names_that_texts_are_told_by():
    assert FORMS.keys() <= LANGUAGE_CODES.keys()


def test_forms_vary_and_half_end_with_a_mark():
    draw = random.Random(0)
    asked = [ask("tank pressure", "english", draw) for _ in range(400)]
    assert {text.rstrip("?") for text in asked} == {form.format("tank pressure") for form in FORMS["english"]}
    assert 140 < sum(text.endswith("?") for text in asked) < 260


@pytest.mark.parametrize("phrase", ["one two three four five six seven eight", "x" * 61])
def test_what_is_too_long_to_be_asked_for_stays(phrase):
    assert ask(phrase, "english", random.Random(0)) == phrase


def test_a_language_without_forms_leaves_text_as_it_is():
    assert ask("tank pressure", "", random.Random(0)) == "tank pressure"


def test_french_elides_before_a_vowel():
    draw = random.Random(0)
    asked = {ask("Étienne Marcel", "french", draw).rstrip("?") for _ in range(200)}
    assert {"que sait-on d'Étienne Marcel", "qu'est-ce qu'Étienne Marcel", "que signifie Étienne Marcel"} <= asked
    assert "que sait-on de Paris" in {ask("Paris", "french", draw) for _ in range(200)}
