from __future__ import annotations

import pytest

from embedtune.synthesis.extractive import KINDS, Draft, draft_queries, is_language, is_readable
from embedtune.synthesis.questions import FORMS
from embedtune.synthesis.statistics import CorpusStatistics
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
        assert sum(count > 0 for count in counts) > len(passages) / 3


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
    assert len(drafts) > 0.7 * len(passages)
    words = {d: [word.strip(" ,;:.") for word in by_id[d.passage_id].text.split()] for d in drafts}
    assert [d for d in drafts if not is_subsequence([word.strip(" ,;:.") for word in d.text.split()], words[d])] == []
    assert max(len(d.text.split()) for d in drafts) <= 16


@pytest.mark.parametrize(
    ("text", "span"),
    [
        (
            "This is the colour of the lamp of the brewer of the kitchen.",
            "colour of the lamp of the brewer of the kitchen",
        ),
        ("This is the work aimed at the colour of the lamp.", "colour of the lamp"),
        ("The colour of the lamp is in the brewer in excess of one year.", "colour of the lamp"),
        (
            "It explicitly removes stains quickly from the colour of the lamp at December 31.",
            "colour of the lamp",
        ),
    ],
)
def test_spans_are_noun_phrases_that_words_like_of_connect(statistics, text, span):
    found = {draft([passage("", text)], statistics, kinds=["span"], seed=seed)[0].text for seed in range(20)}
    assert found == {span}


def test_statements_of_code_give_no_phrase(statistics):
    text = "def wash(cups):\n    for hit in resp:\n        return fromarrays\n    # the lamp of the old brewer"
    drafts = draft([passage("", text)], statistics, kinds=["span", "keyphrase"], per_kind=9)
    assert drafts
    assert not any(word in d.text for d in drafts for word in ("hit", "resp", "fromarrays"))


def test_two_spans_of_a_passage_share_less_than_half_of_their_words(statistics):
    text = "We saw " + " and ".join(
        f"the colour of lamp {a} of the wall of {a}" for a in ("Ada", "Bob", "Cid", "Dora", "Eve")
    )
    spans = [d.text.split() for d in draft([passage("", text)], statistics, kinds=["span"], per_kind=5)]
    shared = [(a, b) for i, a in enumerate(spans) for b in spans[:i] if 2 * len(set(a) & set(b)) >= len(a)]
    assert spans and shared == []


def test_without_a_tagger_a_short_passage_gives_its_whole_text_as_a_span():
    statistics = CorpusStatistics(["Limescale narrows pipes"])
    assert statistics.language == ""
    drafts = draft([passage("", "Limescale narrows pipes")], statistics, kinds=["span"])
    assert drafts == [Draft("Limescale narrows pipes", "span", "p-1")]


def test_keyphrases_are_noun_phrases_of_different_sentences():
    text = (
        "The drip tray is under the steam valve of the brewer. Limescale narrows the pipes. A worn drip tray has cracks, "
        "and the steam valve was closed by hand."
    )
    statistics = CorpusStatistics([text, TEXT])
    drawn = [draft([passage("", text)], statistics, kinds=["keyphrase"], seed=seed) for seed in range(40)]
    found = {d.text for drafts in drawn for d in drafts}
    assert {"drip tray", "steam valve"} <= found <= {"drip tray", "worn drip tray", "steam valve"}


@pytest.mark.parametrize(
    "text",
    [
        "(1) Includes applicable deferred financing costs of the first two years.",
        ":param data: the byte array that contains a whole JSON document",
        "Package: vim-tiny; Popcon: 55; Size: 1660; Description: editor for the terminal in a small version",
        "The interest is based on the yield of a zero coupon U.S.",
        "The common stock of the company is held individually by Mr",
        "For a given lamp of the kitchen the questions of the brewer are:",
        "3 to 6 which deal with the lamps of the old brewer of the kitchen",
        "で始まるファイル名を隠す伝統が古いシステムの利用者の間に今もあります。",
        'He called the lamp of the brewer "the light of the whole kitchen',
    ],
)
def test_footnotes_fields_rows_and_what_is_cut_are_no_sentence_queries(statistics, text):
    assert draft([passage("", text)], statistics, kinds=["sentence"]) == []


@pytest.mark.parametrize(
    ("text", "start", "n"),
    [
        ("stands out for its light in the old kitchen. The lamp of the brewer blinks twice a day.", 0, 1),
        ("stands out for its light in the old kitchen. the lamp of the brewer blinks twice a day.", 0, 2),
        ("stands out for its light in the old kitchen. the lamp of the brewer blinks twice a day.", 900, 1),
        ("", 900, 0),
    ],
)
def test_the_rest_of_a_sentence_is_no_query(statistics, text, start, n):
    cut = passage("", text)._replace(start=start)
    assert len(draft([cut], statistics, kinds=["sentence"], per_kind=5)) == n


def test_a_list_of_names_gives_key_phrases_too(statistics):
    text = "lantern harbour kettle orchard ferry attic"
    drafts = draft([passage("", text)], statistics, kinds=["keyphrase"])
    assert drafts and all(d.text in text for d in drafts)


def test_no_more_keyphrases_than_asked_for():
    pairs = (("gasket", "hinge"), ("lamp", "wire"), ("valve", "bolt"))
    text = " ".join(f"The {one} {other} is by the {other} {one}." for one, other in pairs)
    statistics = CorpusStatistics([text, TEXT])
    assert len(draft([passage("", text)], statistics, kinds=["keyphrase"], per_kind=2)) == 2


def test_keyphrases_begin_and_end_with_no_number_and_no_single_letter():
    text = "The 42 gasket hinge is by the 7 x bolt valve of the old press."
    statistics = CorpusStatistics([text, TEXT])
    drafts = [draft([passage("", text)], statistics, kinds=["keyphrase"], seed=seed) for seed in range(20)]
    words = {word for (d,) in drafts for word in d.text.split()}
    assert words == {"gasket", "hinge", "bolt", "valve", "old", "press"}


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
    assert len(drafts) == 2
    assert all(d.text in text or set(d.text) < set(f"{text} ") for d in drafts)
    assert {"水" in d.text for d in drafts} == {True, False}


def test_empty_passage_gives_nothing(statistics):
    assert draft([passage("", "")], statistics) == []


def test_a_share_of_what_the_passage_names_twice_is_asked(passages, statistics):
    bare, asked = (draft(passages, statistics, question_share=share) for share in (0.0, 0.5))
    assert [(d.kind, d.passage_id) for d in bare] == [(d.kind, d.passage_id) for d in asked]
    texts = {p.passage_id: p.full_text.casefold() for p in passages}
    may_be = [
        d for d in bare if d.kind in ("heading", "keyphrase") and texts[d.passage_id].count(d.text.casefold()) > 1
    ]
    changed = [(one, other) for one, other in zip(bare, asked, strict=True) if one != other]
    assert 0.3 * len(may_be) < len(changed) < 0.7 * len(may_be)
    assert {one.kind for one, _ in changed} == {"heading", "keyphrase"}
    assert all(one in may_be and one.text in other.text for one, other in changed)


def test_a_common_noun_alone_is_not_asked_about_where_it_needs_an_article():
    text = (
        "Le bec est dans la buse. Le bec est au bord. Le bec est un bec. Un bec verseur est un bec verseur de la buse."
    )
    statistics = CorpusStatistics([text])
    drawn = [draft([passage("", text)], statistics, kinds=["keyphrase"], question_share=1.0, seed=s) for s in range(40)]
    texts = {d.text.rstrip("?") for drafts in drawn for d in drafts}
    assert "bec" in texts and any(text.endswith(" bec verseur") for text in texts)


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


@pytest.mark.parametrize(
    "text",
    [
        "what are tablename): SQLite3 truncate", 'return pexpect.run(self.sh, args=["-c"])', "Total SaaS | 5,058 | 4,345",
        "<i>Mahabharata</i>", "• other companies may calculate", "see https://example.org/a for more", "(b) shares issuable upon exercise (",
        'settings of "the brewer', "log.debug('Got status code')",
    ],
)  # fmt: skip
def test_code_markup_and_cells_are_not_readable(text):
    assert not is_readable(text)


@pytest.mark.parametrize(
    "text",
    ["low-aspect-ratio wings (supersonic)", "l'île d'Aix", "kernel_size of a layer", "what's new?", 'a 3.5" drive'],
)
def test_what_people_type_is_readable(text):
    assert is_readable(text)


WITHOUT_BLANKS = {
    "japanese": "図書館は地図を三週間貸し出します。返却が遅れると少額の罰金を払います。嵐の前に庭師は若いリンゴの木を杭に縛り、イチゴをわらで覆います。",
    "chinese": "图书馆出借地图三个星期，迟还的人要付一点罚款。暴风雨之前，园丁把苹果树苗绑在木桩上，用稻草盖住草莓。",
    "thai": "ห้องสมุดให้ยืมแผนที่สามสัปดาห์ ผู้ที่คืนช้าต้องจ่ายค่าปรับเล็กน้อย ก่อนพายุคนสวนผูกต้นไม้กับเสาแล้วคลุมด้วยฟาง",
}


@pytest.mark.parametrize("language", WITHOUT_BLANKS)
def test_queries_of_scripts_without_blanks_are_words_and_parts_of_sentences(language):
    text = WITHOUT_BLANKS[language]
    drafts = draft([passage("", text)], CorpusStatistics([text] * 2), per_kind=3)
    phrases = [d.text.split() for d in drafts if d.kind == "keyphrase"]
    spans = [d.text for d in drafts if d.kind == "span"]
    assert len(phrases) >= 2 and spans
    assert all(len(phrase) <= 3 and all(part in text for part in phrase) for phrase in phrases)
    assert all(part in text and len(span) < len(text) / 2 for span in spans for part in span.split())
    assert not any(set(d.text) & set("。，、") for d in drafts if d.kind != "sentence")


def test_each_passage_is_asked_in_its_own_language():
    texts = [
        "Fill the tank with cold water when the lamp is on, and wait for the signal of the pump.",
        "Remplissez le réservoir avec de l'eau froide quand la lampe est allumée, et attendez le signal de la pompe.",
    ]
    statistics = CorpusStatistics(texts)
    for text, language in zip(texts, ("english", "french"), strict=True):
        heading = text.split()[0]
        asked = [d.text for d in draft([passage(heading, text)], statistics, kinds=["heading"], question_share=1.0)]
        forms = {form.split("{}")[0].strip() for form in FORMS[language]} - {""}
        assert any(text.startswith(form) for form in forms for text in asked)
