from __future__ import annotations

import pytest

from embedtune.retrieval.analysis import Analyzer, identifier_parts

ENGLISH = ["The pumps are connected to the tanks.", "It is connecting when the lamp is on and the tank is full."]
FRENCH = ["Les pompes sont reliées aux réservoirs de la machine.", "La lampe est allumée quand le réservoir est plein."]


def test_words_of_one_stem_are_one_term():
    analyze = Analyzer.of(ENGLISH)
    assert analyze("connections") == analyze("connected") == analyze("connecting") == ["connect"]


def test_stop_words_are_left_out():
    assert Analyzer.of(ENGLISH)("when is the tank full") == ["tank", "full"]


def test_the_stemmer_is_that_of_the_corpus():
    analyze = Analyzer.of(FRENCH)
    assert analyze("reliées") == analyze("relié")
    assert analyze("connections") != analyze("connecting")


def test_a_corpus_of_no_language_keeps_its_words():
    assert Analyzer.of(["valve pumps gasket"])("the connected pumps") == ["the", "connected", "pumps"]


def test_script_without_spaces_gives_bigrams():
    assert Analyzer.of(["水タンクを洗う"])("タンク") == ["タン", "ンク"]


def test_the_language_of_a_large_corpus_is_told_by_a_sample():
    assert Analyzer.of(ENGLISH * 3000)("connecting") == ["connect"]


def test_an_empty_corpus_can_be_asked():
    assert Analyzer.of([])("a pump") == ["a", "pump"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("writeBoolean", ["write", "boolean"]),
        ("write_boolean(n)", ["write", "boolean"]),
        ("parseXMLFile HTTP_PORT2", ["parse", "xml", "file", "http", "port"]),
        ("_private __init__", []),
        ("Press RESET, then wait 10s. Größe ÉCOLE", []),
        ("größeÄndern", ["größe", "ändern"]),
        ("x_y mRNA", ["rna"]),
        ("", []),
    ],
)
def test_identifiers_come_apart(text, parts):
    assert identifier_parts(text) == parts


def test_an_identifier_is_found_whole_and_by_its_parts():
    terms = Analyzer.of(ENGLISH)("writeBoolean")
    assert terms == ["writeboolean", "write", "boolean"]
