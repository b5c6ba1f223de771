from __future__ import annotations

import random
from importlib import import_module

import pytest

from embedtune.synthesis.questions import FORMS, ask
from embedtune.text.analyzer import lexical_terms
from embedtune.text.language import find_language


@pytest.mark.parametrize("language", FORMS)
def test_every_form_holds_the_words_once(language):
    assert len(set(FORMS[language])) == len(FORMS[language])
    assert all(form.count("{}") == 1 and form.format("pump").count("pump") == 1 for form in FORMS[language])


@pytest.mark.parametrize("language", sorted(set(FORMS) - {"japanese"}))
def test_languages_are_named_as_stop_words_name_them(language):
    stopwords = import_module("bm25s.stopwords")
    words = getattr(stopwords, f"STOPWORDS_{'EN' if language == 'english' else language.upper()}")
    assert find_language(list(words)).name == language


def test_japanese_is_told_by_its_script():
    text = "水タンクを洗ってから、電源を入れてください。ランプが点滅したら、ボタンを押します。"
    assert find_language(lexical_terms(text)).name == "japanese"
    assert ask("電源", "japanese", random.Random(0)) != "電源"


def test_forms_vary_and_half_end_with_a_mark():
    draw = random.Random(0)
    asked = [ask("tank pressure", "english", draw) for _ in range(200)]
    assert len({text.rstrip("?") for text in asked}) == len(FORMS["english"])
    assert 60 < sum(text.endswith("?") for text in asked) < 140


@pytest.mark.parametrize("text", ["one two three four five six seven eight nine ten eleven", "x" * 81])
def test_what_is_too_long_to_be_asked_for_stays(text):
    assert ask(text, "english", random.Random(0)) == text


def test_a_language_without_forms_leaves_text_as_it_is():
    assert ask("tank pressure", "", random.Random(0)) == "tank pressure"
