"""Which language a text is in."""

import pytest

from embedtune.text.language import language_of, same_language, script_of

TEXTS = {
    "English": "Fill the tank with cold tap water, and do not use it for anything that is not on the list.",
    "German": "Füllen Sie den Tank mit kaltem Wasser, wenn die Lampe nicht blinkt, und warten Sie auf das Signal.",
    "French": "Remplissez le réservoir avec de l'eau froide et attendez que la lampe s'allume dans les deux minutes.",
    "Spanish": "Llene el depósito con agua fría y espere a que la lámpara se encienda en los próximos minutos.",
    "Italian": "Riempire il serbatoio con acqua fredda e non usare acqua che è stata nella caldaia per una settimana.",
    "Russian": "Наполните бак холодной водой и не включайте машину, если это не указано в инструкции на корпусе.",
    "Chinese": "请用冷水注满水箱，不要使用苏打水。",
    "Japanese": "タンクに冷たい水道水を入れてください。",
    "Korean": "탱크에 차가운 수돗물을 채우십시오.",
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
    assert same_language("how to fill the tank with water when it is cold", TEXTS["English"])
    assert not same_language("wie fülle ich den Tank mit Wasser und was ist das Signal", TEXTS["English"])
    assert not same_language("как наполнить бак", TEXTS["English"])
    assert same_language("Brava 3 tank", TEXTS["German"])  # too short to tell
    assert same_language("水箱", TEXTS["Japanese"])
