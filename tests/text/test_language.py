"""Which language a text is in."""

import pytest

from embedtune.text.analyzer import lexical_terms
from embedtune.text.language import Language, LanguageTally, find_language, language_of, same_language, script_of

TEXTS = {
    "english": "Fill the tank with cold tap water, and do not use it for anything that is not on the list.",
    "german": "Füllen Sie den Tank mit kaltem Wasser, wenn die Lampe nicht blinkt, und warten Sie auf das Signal.",
    "french": "Remplissez le réservoir avec de l'eau froide et attendez que la lampe s'allume dans les deux minutes.",
    "spanish": "Llene el depósito con agua fría y espere a que la lámpara se encienda en los próximos minutos.",
    "italian": "Riempire il serbatoio con acqua fredda e non usare acqua che è stata nella caldaia per una settimana.",
    "russian": "Наполните бак холодной водой и не включайте машину, если это не указано в инструкции на корпусе.",
    "chinese": "请用冷水注满水箱，不要使用苏打水。",
    "japanese": "タンクに冷たい水道水を入れてください。",
    "korean": "탱크에 차가운 수돗물을 채우십시오.",
}


@pytest.mark.parametrize("language", TEXTS)
def test_running_text(language):
    assert language_of(TEXTS[language]) == language


@pytest.mark.parametrize("text", ["", "x = y + 1", "Brava 3 espresso", "12 34 56"])
def test_what_tells_nothing(text):
    assert language_of(text) is None


def test_scripts():
    assert [script_of(text) for text in ("tank", "бак", "水", "123")] == ["Latin", "Cyrillic", "Han", None]


def test_a_query_must_be_in_its_passages_language():
    assert same_language("how to fill the tank with water when it is cold", TEXTS["english"])
    assert not same_language("wie fülle ich den Tank mit Wasser und was ist das Signal", TEXTS["english"])
    assert not same_language("как наполнить бак", TEXTS["english"])
    assert same_language("Brava 3 tank", TEXTS["german"])  # too short to tell
    assert same_language("水箱", TEXTS["japanese"])


def test_english_text_has_english_stop_words():
    language = find_language(lexical_terms("The lamp is on when the tank of the machine is empty and the pump is off"))
    assert language.name == "english"
    assert {"the", "is", "of", "and"} <= language.stop_words
    assert "tank" not in language.stop_words


def test_german_text_has_german_stop_words():
    language = find_language(
        lexical_terms("Die Lampe ist an, wenn der Tank der Maschine leer ist und die Pumpe nicht läuft")
    )
    assert language.name == "german"
    assert {"die", "der", "und", "ist"} <= language.stop_words
    assert "tank" not in language.stop_words


def test_terms_of_no_language_have_no_stop_words():
    assert find_language(["filter", "pump", "valve", "gasket", "hinge"]) == Language("", frozenset())


def test_few_stop_words_are_not_a_language():
    # one of eight terms is 12.5 %, under the 15 % that count
    assert find_language(["the", *["gasket"] * 7]).name == ""
    assert find_language(["the", *["gasket"] * 5]).name == "english"


def test_an_empty_corpus_is_in_no_language():
    assert find_language([]).stop_words == frozenset()


def test_terms_that_come_bit_by_bit_count_as_if_they_came_at_once():
    terms = lexical_terms("The lamp is on when the tank of the machine is empty")
    tally = LanguageTally()
    for term in terms:
        tally.add([term])
    assert tally.language() == find_language(terms)
