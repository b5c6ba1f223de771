from __future__ import annotations

import random

import pytest

from embedtune.synthesis.extractive import FORMS, KINDS, Draft, ask, draft_queries, is_language
from embedtune.synthesis.statistics import CorpusStatistics
from embedtune.text.analyzer import lexical_terms
from embedtune.text.language import LANGUAGE_CODES
from embedtune.text.words import word_spans
from embedtune.types import Passage

TEXT = (
    "Limescale narrows the pipes of the machine. Descale the boiler every two months or when the lamp blinks. "
    "Hold the steam button for five seconds! Rinse the tank twice afterwards with plenty of cold water. Done."
)


@pytest.fixture
def statistics(passages) -> CorpusStatistics:
    return CorpusStatistics([passage.full_text for passage in passages])


def passage(title: str, text: str = TEXT) -> Passage:
    return Passage("p-1", "a.md", title, text, 0, len(text))


def is_subsequence(part: list[str], whole: list[str]) -> bool:
    rest = iter(whole)
    return all(word in rest for word in part)


def draft(passages, statistics, kinds=KINDS, per_kind=2, seed=0, question_share=0.0) -> list[Draft]:
    return draft_queries(
        passages, kinds=kinds, per_kind=per_kind, statistics=statistics, seed=seed, question_share=question_share
    )


def test_only_the_kinds_asked_for_are_made(passages, statistics):
    drafts = draft(passages, statistics, kinds=["span", "keyphrase"])
    assert {query.kind for query in drafts} == {"span", "keyphrase"}


def test_every_kind_is_made_and_none_oftener_than_asked(passages, statistics):
    drafts = draft(passages, statistics)
    for kind, most in {"heading": 1, "span": 2, "keyphrase": 2, "sentence": 2}.items():
        counts = [sum(d.kind == kind and d.passage_id == p.passage_id for d in drafts) for p in passages]
        assert 0 < max(counts) <= most
        assert sum(count > 0 for count in counts) > len(passages) / 2


def test_queries_of_a_passage_do_not_depend_on_its_neighbours(passages, statistics):
    alone = draft(passages[5:6], statistics)
    together = [d for d in draft(passages, statistics) if d.passage_id == passages[5].passage_id]
    assert len(alone) > 3
    assert alone == together


def test_another_seed_draws_other_queries(passages, statistics):
    assert draft(passages, statistics, seed=0) == draft(passages, statistics, seed=0)
    assert draft(passages, statistics, seed=0) != draft(passages, statistics, seed=1)


@pytest.mark.parametrize(
    ("title", "query"),
    [
        ("Brava 3 › Filling the water tank", "Filling the water tank"),
        ("Brava 3 › Descaling › Steps", "Descaling Steps"),
        ("Steps", "Steps"),
        ("Descaling the boiler", "Descaling the boiler"),
    ],
)
def test_heading_query_is_the_innermost_heading_with_the_one_above_if_short(statistics, title, query):
    assert draft([passage(title)], statistics, kinds=["heading"]) == [Draft(query, "heading", "p-1")]


def test_passage_without_a_heading_gives_no_heading_query(statistics):
    assert draft([passage("")], statistics, kinds=["heading"]) == []


def test_spans_are_words_of_the_passage_in_order(passages, statistics):
    by_id = {p.passage_id: p for p in passages}
    drafts = draft(passages, statistics, kinds=["span"])
    assert len(drafts) > len(passages)
    words = {d: [word.strip(" ,;:.") for word in by_id[d.passage_id].text.split()] for d in drafts}
    assert [d for d in drafts if not is_subsequence([word.strip(" ,;:.") for word in d.text.split()], words[d])] == []
    assert max(len(d.text.split()) for d in drafts) <= 16


def test_about_half_of_the_spans_have_no_stop_word(passages, statistics):
    drafts = draft(passages, statistics, kinds=["span"])
    thin = [d for d in drafts if not statistics.stop_words.intersection(lexical_terms(d.text))]
    assert 0.3 < len(thin) / len(drafts) < 0.7


def test_two_spans_of_a_passage_share_less_than_half_of_their_words(statistics):
    text = " ".join(f"word{number}" for number in range(20))
    spans = [d.text.split() for d in draft([passage("", text)], statistics, kinds=["span"], per_kind=5)]
    assert len(spans) >= 3
    shared = [(a, b) for i, a in enumerate(spans) for b in spans[:i] if 2 * len(set(a) & set(b)) >= len(a)]
    assert shared == []


def test_short_passage_gives_its_whole_text_as_a_span(statistics):
    drafts = draft([passage("", "Limescale narrows pipes")], statistics, kinds=["span"])
    assert drafts == [Draft("Limescale narrows pipes", "span", "p-1")]


@pytest.mark.parametrize("seed", range(5))
def test_keyphrases_are_two_to_five_telling_terms_of_one_sentence_in_its_order(statistics, seed):
    drafts = draft([passage("")], statistics, kinds=["keyphrase"], per_kind=20, seed=seed)
    sentences = [lexical_terms(sentence) for sentence in TEXT.replace("!", ".").split(".")[:4]]
    # one phrase of each sentence but "Done.", which has one term
    found = [number for d in drafts for number in range(4) if is_subsequence(d.text.split(), sentences[number])]
    assert sorted(found) == [0, 1, 2, 3]
    assert {len(d.text.split()) for d in drafts} <= {2, 3, 4, 5}
    assert not any(statistics.stop_words.intersection(d.text.split()) for d in drafts)


def test_no_more_keyphrases_than_asked_for(statistics):
    assert len(draft([passage("")], statistics, kinds=["keyphrase"], per_kind=3)) == 3


def test_keyphrases_hold_no_numbers_and_no_single_letters(statistics):
    text = "x 42 gasket hinge bolt 7 y valve"
    drafts = [draft([passage("", text)], statistics, kinds=["keyphrase"], seed=seed) for seed in range(20)]
    words = [d.text.split() for (d,) in drafts]
    assert {word for phrase in words for word in phrase} == {"gasket", "hinge", "bolt", "valve"}
    assert {len(phrase) for phrase in words} == {2, 3, 4}


def test_sentences_of_ordinary_length_are_drawn(statistics):
    drafts = draft([passage("")], statistics, kinds=["sentence"], per_kind=20)
    # "Done." has one word; the other four have six to thirty
    assert len(drafts) == 4
    sentences = [sentence.split() for sentence in TEXT.replace("!", ".").split(". ")]
    found = [next(s for s in sentences if is_subsequence(d.text.replace("!", "").split(), s)) for d in drafts]
    assert sorted(sentences.index(sentence) for sentence in found) == [0, 1, 2, 3]


def test_line_breaks_inside_a_query_are_flattened(statistics):
    text = "Descale the boiler\nevery two months\nor when the lamp\tblinks red."
    drafts = draft([passage("", text)], statistics, kinds=["span", "sentence"], per_kind=5)
    assert drafts
    assert not any(character in d.text for d in drafts for character in "\n\t")


def test_japanese_sentences_end_without_spaces(statistics):
    text = "水タンクに水を入れてください。電源ボタンを五秒間押し続けてください。"
    drafts = draft([passage("", text)], statistics, kinds=["sentence"], per_kind=5)
    assert {d.text for d in drafts} == {"水タンクに水を入れてください。", "電源ボタンを五秒間押し続けてください。"}


def test_empty_passage_gives_nothing(statistics):
    assert draft([passage("", "")], statistics) == []


def test_a_share_of_all_but_the_sentences_is_asked(passages, statistics):
    bare, asked = (draft(passages, statistics, question_share=share) for share in (0.0, 0.5))
    assert [(d.kind, d.passage_id) for d in bare] == [(d.kind, d.passage_id) for d in asked]
    changed = [(one, other) for one, other in zip(bare, asked, strict=True) if one != other]
    short = [d for d in bare if d.kind != "sentence" and len(d.text.split()) <= 10]
    assert 0.3 * len(short) < len(changed) < 0.7 * len(short)
    assert all(one.text in other.text and one.kind != "sentence" for one, other in changed)


def test_a_table_is_asked_by_the_words_of_its_cells(statistics):
    rows = ["Receivables, less allowance | $831.7 | $8.7 | $840.4", "Prepaid expenses | 93.8 | (16.6) | 77.2"] * 3
    drafts = draft([passage("", "\n".join(rows))], statistics, kinds=["span"])
    assert drafts
    assert all(is_language(d.text) for d in drafts)


@pytest.mark.parametrize(
    ("text", "yes"), [("the pump stops", True), ("1,571.7 | (3.1)", False), ("", False), ("x = 3", False)]
)
def test_figures_and_symbols_are_no_language(text, yes):
    assert is_language(text) == yes


@pytest.mark.parametrize("language", FORMS)
def test_every_form_holds_the_words_once(language):
    assert len(set(FORMS[language])) == len(FORMS[language])
    assert all(form.count("{}") == 1 and form.format("pump").count("pump") == 1 for form in FORMS[language])


def test_languages_have_the_names_that_texts_are_told_by():
    assert FORMS.keys() <= LANGUAGE_CODES.keys()


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


WITHOUT_BLANKS = {
    "japanese": "図書館は地図を三週間貸し出します。返却が遅れると少額の罰金を払います。嵐の前に庭師は若いリンゴの木を杭に縛り、イチゴをわらで覆います。",
    "chinese": "图书馆出借地图三个星期，迟还的人要付一点罚款。暴风雨之前，园丁把苹果树苗绑在木桩上，用稻草盖住草莓。",
    "thai": "ห้องสมุดให้ยืมแผนที่สามสัปดาห์ ผู้ที่คืนช้าต้องจ่ายค่าปรับเล็กน้อย ก่อนพายุคนสวนผูกต้นไม้กับเสาแล้วคลุมด้วยฟาง",
}


@pytest.mark.parametrize("language", WITHOUT_BLANKS)
def test_queries_of_scripts_without_blanks_are_words_and_parts_of_sentences(language):
    text = WITHOUT_BLANKS[language]
    words = {text[start:end] for start, end in word_spans(text)}
    drafts = draft([passage("", text)], CorpusStatistics([text] * 2), per_kind=3)
    phrases = [d.text.split() for d in drafts if d.kind == "keyphrase"]
    spans = [d.text for d in drafts if d.kind == "span"]
    assert len(phrases) >= 2 and len(spans) >= 2
    assert all(2 <= len(phrase) <= 5 and words.issuperset(phrase) for phrase in phrases)
    assert all(len(span) < len(text) / 2 and not set(span) & set("。，、") for span in spans)


def test_each_passage_is_asked_in_its_own_language():
    texts = [
        "Fill the tank with cold water when the lamp is on, and wait for the signal of the pump.",
        "Remplissez le réservoir avec de l'eau froide quand la lampe est allumée, et attendez le signal de la pompe.",
    ]
    statistics = CorpusStatistics(texts)
    for text, language in zip(texts, ("english", "french"), strict=True):
        asked = [d.text for d in draft([passage("", text)], statistics, question_share=1.0) if d.kind == "keyphrase"]
        forms = {form.split("{}")[0].strip() for form in FORMS[language]} - {""}
        assert asked and all(any(text.startswith(form) for form in forms) for text in asked)
