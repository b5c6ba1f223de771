from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.text.analyzer import Analyzer, identifier_parts, lexical_terms, number_terms


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Press RESET, then wait 10 s!", ["press", "reset", "then", "wait", "10", "s"]),
        ("naïve Café_2", ["naïve", "café_2"]),
        ("don't re-enter", ["don", "t", "re", "enter"]),
        ("", []),
        ("… --- !?", []),
    ],
)
def test_words_are_lower_case_and_without_punctuation(text, terms):
    assert lexical_terms(text) == terms


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("東京都", ["東京", "京都"]),
        ("水", ["水"]),
        ("電源をON", ["電源", "源を", "on"]),
        ("設定。終了", ["設定", "終了"]),
    ],
)
def test_scripts_without_spaces_give_character_bigrams(text, terms):
    assert lexical_terms(text) == terms


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("हिन्दी", ["हिंदी"]),
        ("हिन्दी भाषा।", ["हिंदी", "भाषा"]),
        ("தமிழ் மொழி", ["தமிழ்", "மொழி"]),
        ("עִבְרִית", ["עברית"]),  # without points
        ("x\u0304 = 3", ["x\u0304", "3"]),  # a mark that has no composed form
    ],
)
def test_letters_keep_their_combining_marks(text, terms):
    assert lexical_terms(text) == terms


@pytest.mark.parametrize(
    ("composed", "decomposed", "terms"),
    [
        ("café", "cafe\u0301", ["café"]),
        ("CAFÉ Überblick", "CAFE\u0301 U\u0308berblick", ["café", "überblick"]),
        ("비밀", normalize("NFD", "비밀"), ["비밀"]),
        ("ガギ", "カ\u3099キ\u3099", ["ガギ"]),
    ],
)
def test_decomposed_text_has_the_terms_of_the_composed_one(composed, decomposed, terms):
    assert composed != decomposed
    assert lexical_terms(decomposed) == lexical_terms(composed) == terms


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("コーヒー", ["コー", "ーヒ", "ヒー"]),
        ("人々", ["人々"]),
        ("\U00020000\U00020001a", ["\U00020000\U00020001", "a"]),
    ],
)
def test_long_vowels_iteration_marks_and_rare_ideographs_are_of_their_script(text, terms):
    assert lexical_terms(text) == terms


def test_korean_has_spaces_and_keeps_its_words():
    assert lexical_terms("비밀번호 변경") == ["비밀번호", "변경"]


ENGLISH = ["The pumps are connected to the tanks.", "It is connecting when the lamp is on and the tank is full."]
FRENCH = ["Les pompes sont reliées aux réservoirs de la machine.", "La lampe est allumée quand le réservoir est plein."]


def test_words_of_one_stem_are_one_term():
    analyze = Analyzer.of(ENGLISH).query
    assert analyze("connections") == analyze("connected") == analyze("connecting") == ["connect"]


def test_stop_words_are_left_out():
    assert Analyzer.of(ENGLISH).query("when is the tank full") == ["tank", "full"]


def test_the_stemmer_is_that_of_the_corpus():
    analyze = Analyzer.of(FRENCH).query
    assert analyze("reliées") == analyze("relié")
    assert analyze("connections") != analyze("connecting")


def test_a_corpus_of_no_language_keeps_its_words():
    assert Analyzer.of(["valve pumps gasket"]).query("the connected pumps") == ["the", "connected", "pumps"]


def test_script_without_spaces_gives_bigrams():
    assert Analyzer.of(["水タンクを洗う"]).query("タンク") == ["タン", "ンク"]


def test_the_language_of_a_large_corpus_is_told_by_a_sample():
    assert Analyzer.of(ENGLISH * 3000).query("connecting") == ["connect"]


def test_an_empty_corpus_can_be_asked():
    assert Analyzer.of([]).query("a pump") == ["a", "pump"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("writeBoolean", ["write", "boolean"]),
        ("write_boolean(n)", ["write", "boolean"]),
        ("parseXMLFile HTTP_PORT2", ["parse", "xml", "file", "http", "port", "2"]),
        ("_private __init__", []),
        ("Press RESET, then wait 10 s. Größe ÉCOLE", []),
        ("größeÄndern", ["grösse", "ändern"]),
        ("x_y mRNA", ["rna"]),
        ("E42 p53-x 10s", ["e", "42", "p", "53", "10", "s"]),
        ("می\u200cخواهم", ["مي", "خواهم"]),
        ("", []),
    ],
)
def test_identifiers_come_apart(text, parts):
    assert identifier_parts(text) == parts


def test_an_identifier_is_found_whole_and_by_its_parts():
    terms = Analyzer.of(ENGLISH).query("writeBoolean")
    assert terms == ["writeboolean", "write", "boolean"]


@pytest.mark.parametrize(
    ("number", "terms"),
    [
        ("3.5", ["3.5"]), ("3,5", ["3.5"]), ("0,25", ["0.25"]),
        ("1,234", ["1234"]), ("1.234.567", ["1234567"]), ("1,234.50", ["1234.50"]), ("1.234,50", ["1234.50"]),
        ("12.05.2024", ["12.05.2024", "12", "05", "2024"]), ("192.168.0.1", ["192.168.0.1", "192", "168", "0", "1"]),
    ],
)  # fmt: skip
def test_a_number_is_one_word_with_its_separators(number, terms):
    assert number_terms(number) == terms
    assert Analyzer().query(f"at {number}, or") == ["at", *terms, "or"]


def test_a_number_with_a_unit_comes_apart():
    assert Analyzer().query("3.5kg v2.5 E42") == ["3", "5kg", "5", "kg", "v2", "v", "2", "5", "e42", "e", "42"]


def test_a_query_has_the_terms_of_all_languages_and_a_document_those_of_its_own():
    analyzer = Analyzer(["english", "french"])
    assert set(analyzer.query("the bouteilles")) == {"bouteill", "bouteil"}
    assert "connect" in analyzer.document("Fill the tank and check all of the connections before you start the pump.")
    assert (
        analyzer.language("Remplissez le réservoir avec de l'eau froide et attendez que la lampe s'allume.") == "french"
    )
    assert analyzer.language("E42") == "english"


@given(st.text(max_size=40))
def test_any_text_can_be_analysed(text):
    analyzer = Analyzer(["english", "thai", "turkish", "arabic"])
    assert all(analyzer.query(text))
    assert all(all(analyzer.document(text, language)) for language in analyzer.languages)


def test_plain_letters_have_the_terms_of_any_other_text():
    """A text of plain letters is read in one go; with one other letter, piece by piece."""
    for character in map(chr, range(0x80, 0x3000)):
        assert lexical_terms(f"a{character}b 茶") == [*lexical_terms(f"a{character}b"), "茶"]


def test_a_word_may_go_on_in_the_next_line_where_there_are_no_blanks():
    assert lexical_terms("東京\n都 a\nb") == ["東京", "京都", "a", "b"]
    assert set(Analyzer(["thai"]).query("แผนที่")) <= set(Analyzer(["thai"]).document("ให้ยืมแผน\nที่"))
