"""Which language a text is in."""

import pytest

from embedtune.text.language import LanguageTally, language_of, languages_of, same_language, script_of, stop_words_of

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


@pytest.mark.parametrize("language", ["english", "german"])
def test_stop_words_are_function_words(language):
    words = {"english": {"the", "is", "of", "and"}, "german": {"die", "der", "und", "ist"}}[language]
    assert words <= stop_words_of(language)
    assert "tank" not in stop_words_of(language)


def test_a_language_without_a_list_has_no_stop_words():
    assert stop_words_of("thai") == stop_words_of("") == frozenset()


def test_languages_of_a_corpus_come_by_the_number_of_texts():
    texts = [TEXTS["french"]] * 2 + [TEXTS["japanese"]] * 4 + [TEXTS["english"]] * 3
    assert languages_of(texts) == ("japanese", "english", "french")


def test_a_language_of_very_few_texts_may_be_a_mistake():
    assert languages_of([TEXTS["english"]] * 99 + [TEXTS["german"]]) == ("english",)


@pytest.mark.parametrize("texts", [[], ["filter pump valve gasket hinge"], ["", "12 34"]])
def test_texts_that_tell_nothing_have_no_language(texts):
    assert languages_of(texts) == ()


def test_short_texts_tell_together():
    assert languages_of(["The lamp is on", "when the tank", "of the machine is empty"]) == ("english",)


def test_of_a_large_corpus_a_sample_is_looked_at():
    tally = LanguageTally()
    for _ in range(3000):
        tally.add("zu kurz")
    assert tally.languages() == ()
    for _ in range(200):
        tally.add(TEXTS["german"])
    assert tally.languages() == ("german",)


def test_regional_arabic_is_arabic_and_croatian_is_no_serbian():
    assert language_of("تغادر العبارة الميناء الشمالي كل صباح في السابعة وتنقل العربات والأغنام والمسافرين") == "arabic"
    assert (
        language_of("Trajekt napušta sjevernu luku svakoga jutra u sedam sati i prevozi kola, ovce i putnike.")
        != "serbian"
    )
