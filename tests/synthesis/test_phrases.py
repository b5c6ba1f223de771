from __future__ import annotations

import pytest

from embedtune.synthesis.phrases import clauses_of, connects, is_cut, runs_of, tells_nouns
from embedtune.synthesis.statistics import CorpusStatistics

ENGLISH = CorpusStatistics(["Fill the tank with cold water when the lamp is on, and wait for the signal of the pump."])


def runs(text: str, language: str, statistics: CorpusStatistics) -> list[tuple[str, bool]]:
    return [
        (text[clause[run.first].start : clause[run.last].end], run.is_noun)
        for clause in clauses_of(text, statistics, language)
        for run in runs_of(text, clause, language)
    ]


def test_marks_divide_clauses_and_hyphens_and_points_in_words_do_not():
    text = "The low-aspect-ratio wing, at Mach 2.5: it stalls (once)\nagain.\n\nStop"
    clauses = [text[clause[0].start : clause[-1].end] for clause in clauses_of(text, ENGLISH, "english")]
    assert clauses == ["The low-aspect-ratio wing", "at Mach 2.5", "it stalls", "once", "again", "Stop"]


@pytest.mark.parametrize(
    ("text", "language", "phrases"),
    [
        ("Limescale narrows the copper pipes of the machine", "english", ["Limescale", "copper pipes", "machine"]),
        ("the 42 x gasket hinge is old", "english", ["gasket hinge"]),
        ("it also removes the very low-aspect-ratio wing", "english", ["low-aspect-ratio wing"]),
        ("the nurse\u2019s type 2 diabetes was told", "english", ["nurse", "type 2 diabetes"]),
        ("this captures screen area eventually", "english", ["screen area"]),
        ("Der alte Kessel der POSIX-konformen Shell kocht beim Erhitzen", "german", ["Kessel", "Shell"]),
        ("De oude pomp verwijdert snel het koude water", "dutch", ["oude pomp", "koude water"]),
        ("one pump in the vitamin D lamp and several certain pipes", "english", ["lamp", "pipes"]),
        ("as a result of the heat in the tank", "english", ["heat", "tank"]),
        ("it was part of the Cost and Utilization Project of invested capital", "english", ["part", "Cost"]),
        ("a comparison of the years", "english", ["comparison"]),
        ("Folgende Pakete sind beim Start des Servers vorhanden", "german", ["Pakete", "Start"]),
    ],
)
def test_a_tagger_tells_noun_phrases(text, language, phrases):
    assert [phrase for phrase, is_noun in runs(text, language, CorpusStatistics([text])) if is_noun] == phrases


def test_what_a_number_follows_is_not_the_end():
    assert runs("amounts at December 31 fell", "english", ENGLISH)[-1] == ("December", False)


def test_a_new_line_with_a_capital_begins_a_clause():
    text = "column wrappers\nKeys of the table\nwith rows"
    clauses = [text[clause[0].start : clause[-1].end] for clause in clauses_of(text, ENGLISH, "english")]
    assert clauses == ["column wrappers", "Keys of the table\nwith rows"]


def test_without_a_tagger_what_follows_an_article_or_a_preposition_is_a_noun_phrase():
    text = "Le calcaire bouche vite les tuyaux étroits, dans la machine"
    found = runs(text, "french", CorpusStatistics(["le la les dans une des du de d au aux ce cet cette et ou est"]))
    assert found[-1] == ("machine", True) and ("calcaire bouche vite", False) in found


def test_without_a_tagger_more_than_three_words_in_a_row_are_no_noun_phrase():
    found = runs("la page indique frais clients mensuels", "french", CorpusStatistics())
    assert not any(is_noun for _, is_noun in found)


def test_what_follows_and_need_not_be_a_noun_phrase():
    statistics = CorpusStatistics(["le la les dans une des du de d au aux ce cet cette et ou est"])
    found = runs("la réserve et tentèrent", "french", statistics)
    assert ("tentèrent", True) not in found


def test_japanese_nouns_have_no_ending():
    text = "渡し船は毎朝七時に北の港を出て、乗客を運びます。"
    nouns = [run for run, is_noun in runs(text, "japanese", CorpusStatistics([text])) if is_noun]
    assert nouns[0] == "渡し船" and nouns[-1] == "乗客" and "運び" not in nouns and "北" not in nouns


def test_without_leads_every_run_may_be_one():
    words = "alpha beta gamma delta epsilon zeta eta"
    found = runs(words, "xx", CorpusStatistics())
    assert found == [("alpha beta gamma", True), ("delta epsilon zeta", True), ("eta", True)]


@pytest.mark.parametrize(("language", "yes"), [("english", True), ("japanese", True), ("thai", False), ("", False)])
def test_languages_whose_nouns_are_told(language, yes):
    assert tells_nouns(language) == yes


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("通常のファイルを示すディレクトリーの場合や項目がある", "ファイル"),
        ("今後パスワードは、無制限の権限ゆえ配慮が要る", "無制限"),
    ],
)
def test_japanese_nouns_hold_no_rest_of_a_clause_and_nothing_empty(text, phrase):
    nouns = [run for run, is_noun in runs(text, "japanese", CorpusStatistics([text])) if is_noun]
    assert phrase in nouns
    assert not any(part in run for run in nouns for part in ("示す", "場合", "通常", "今後", "ゆえ"))


def test_french_adverbs_are_no_nouns():
    found = runs("il les aidaient de nouveau sur le bois", "french", CorpusStatistics(["il se de sur le la les un"]))
    assert [phrase for phrase, is_noun in found if is_noun] == ["bois"]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("the pump in the tank", "english", True),
        ("the pump and tank", "english", True),
        ("to the pump and old tank", "english", False),
        ("of the pump and the tank", "english", False),
        ("the pumps and tank", "english", False),
        ("the pump is in tank", "english", False),
        ("バターとパン", "japanese", True),
        ("le beurre et le pain", "french", False),
        ("de beurre et pain", "french", True),
        ("de Paris et enlevée", "french", False),
        ("de beurre et enlevé", "french", False),
    ],
)
def test_what_connects_two_runs(text, language, expected):
    clause = next(clauses_of(text, CorpusStatistics([text, "it is the of and to in a"]), language))
    first, second = runs_of(text, clause, language)
    assert connects(text, clause, first, second, language) is expected


@pytest.mark.parametrize(
    ("text", "last", "expected"),
    [
        ("a pump of brass", 0, True),
        ("a pump to water", 0, True),
        ("a pump in", 0, False),
        ("the links between pumps", 1, True),
        ("the links between pump and tank", 2, False),
    ],
)
def test_a_phrase_is_cut_before_of_and_to_and_where_between_has_one_noun(text, last, expected):
    clause = next(clauses_of(text, ENGLISH, "english"))
    found = runs_of(text, clause, "english")
    assert is_cut(text, clause, found[0], found[last], "english") is expected
