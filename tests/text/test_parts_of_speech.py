import pytest

from embedtune.text.language import LANGUAGE_CODES
from embedtune.text.parts_of_speech import has_tagger, parts_of_speech


@pytest.mark.parametrize(
    ("language", "sentence", "nouns", "adjectives"),
    [
        ("english", "The old pump explicitly removes cold water from the boiler .", "pump water boiler", "old cold"),
        ("german", "Die alte Pumpe entfernt beim Erhitzen das kalte Wasser schnell .", "Pumpe Wasser", "alte kalte"),
        ("dutch", "De oude pomp verwijdert snel het koude water van de buurman .", "pomp water buurman", "oude koude"),
    ],
)
def test_nouns_and_adjectives_are_told(language, sentence, nouns, adjectives):
    words = sentence.split()
    parts = parts_of_speech(words, language)
    found = {
        part: " ".join(word for word, of_word in zip(words, parts, strict=True) if of_word == part) for part in parts
    }
    assert (found["noun"], found["adjective"]) == (nouns, adjectives)


def test_english_plurals_are_told():
    assert parts_of_speech(["The", "pumps", "of", "the", "boiler"], "english") == [
        "other",
        "plural",
        "other",
        "other",
        "noun",
    ]


def test_languages_have_the_names_that_texts_are_told_by():
    known = {language for language in LANGUAGE_CODES if has_tagger(language)}
    assert known == {"english", "german", "dutch"}
    assert not has_tagger("") and parts_of_speech([], "english") == []
