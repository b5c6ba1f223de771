from __future__ import annotations

import pytest

from embedtune.synthesis import function_words
from embedtune.text.language import LANGUAGE_CODES
from embedtune.text.parts_of_speech import has_tagger

TABLES = [name for name in dir(function_words) if name.isupper() and not name.startswith("_")]


@pytest.mark.parametrize("name", TABLES)
def test_languages_have_the_names_that_texts_are_told_by(name):
    assert getattr(function_words, name).keys() <= LANGUAGE_CODES.keys()


def test_languages_have_either_a_tagger_or_leads():
    assert not any(map(has_tagger, function_words.LEADS))
    assert function_words.PREPOSITIONS.keys() == function_words.CONJUNCTIONS.keys() == function_words.ARTICLES.keys()


def test_what_leads_is_no_conjunction():
    assert not any(words & function_words.CONJUNCTIONS[language] for language, words in function_words.LEADS.items())
