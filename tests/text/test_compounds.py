from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.retrieval.bm25 import BM25
from embedtune.text.compounds import LINKS, Compounds

GERMAN = {
    "daten": 9,
    "sicherung": 9,
    "programm": 8,
    "datensicherung": 4,
    "platte": 3,
    "fest": 2,
    "alter": 2,
    "native": 1,
}


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("datensicherung", ["daten", "sicherung"]),
        ("datensicherungsprogramm", ["datensicherung", "programm"]),  # the fewest
        ("plattenprogramm", ["platte", "programm"]),
        ("festplatte", ["fest", "platte"]),
        ("sicherung", []),
        ("datenblatt", []),
        ("programmdaten2", []),
        ("", []),
    ],
)
def test_a_compound_has_the_words_of_the_corpus_as_parts(word, parts):
    assert Compounds("german", GERMAN).parts(word) == parts


def test_a_word_that_is_more_frequent_than_its_parts_is_none():
    assert Compounds("german", {**GERMAN, "alternative": 5}).parts("alternative") == []
    assert Compounds("german", {**GERMAN, "alternative": 1}).parts("alternative") == ["alter", "native"]


@pytest.mark.parametrize(
    ("language", "words", "compound"),
    [
        ("dutch", ("stad", "bestuur"), "stadsbestuur"),
        ("swedish", ("säkerhet", "kopia"), "säkerhetskopia"),
        ("danish", ("sikkerhed", "kopi"), "sikkerhedskopi"),
        ("norwegian", ("sikkerhet", "kopi"), "sikkerhetskopi"),
        ("finnish", ("kirjasto", "kortti"), "kirjastokortti"),
    ],
)
def test_every_language_has_its_links(language, words, compound):
    assert Compounds(language, dict.fromkeys(words, 1)).parts(compound) == list(words)


@given(st.text("ab", max_size=70), st.sets(st.text("ab", min_size=3, max_size=5), max_size=12))
def test_parts_are_known_words_in_the_order_of_the_word(word, known):
    parts = Compounds("german", dict.fromkeys(known, 2)).parts(word)
    assert known.issuperset(parts)
    assert len("".join(parts)) <= len(word)
    assert len(parts) != 1


TEXTS = [
    "Die Festplatte wird vor der Sicherung ausgeschaltet, weil sie sonst zu warm werden kann.",
    "Eine Platte ist fest, wenn sie an keiner Stelle nachgibt und der Tisch nicht wackelt.",
    "Das Datensicherungsprogramm sichert Daten in der Nacht, und das Programm meldet jeden Fehler.",
    "Der Garten liegt hinter dem Haus, und die Bienen fliegen im Sommer bis an den Fluss.",
]


def test_compounds_and_their_parts_find_each_other():
    index = BM25(TEXTS)
    compound, part, unseen = index.scores(["Datensicherung", "Sicherung", "Gartenhaus"])
    assert compound.argmax() == 2
    assert part[2] > 0
    assert unseen.argmax() == 3


def test_languages_without_compounds_in_one_word_have_none():
    assert not LINKS.keys() & {"english", "french", "hungarian"}
