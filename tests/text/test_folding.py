"""All spellings of a word are one word, on either side of a search."""

from __future__ import annotations

from itertools import permutations
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.retrieval.bm25 import BM25
from embedtune.text.folding import fold, tidy

DIGITS = "٤٢ ۴۲ ४२ ৪২ ੪੨ ૪૨ ୪୨ ௪௨ ౪౨ ೪೨ ൪൨ ๔๒ ໔໒ ༤༢ ၄၂ ៤២ ᠔᠒ ４２ 𝟒𝟐 𝟜𝟚 𝟰𝟮 𝟺𝟸 ⁴² ₄₂"
SPELLINGS = {
    "ligatures": ["final ﬁnal", "offer oﬀer", "flow ﬂow", "office oﬃce", "shuffle shuﬄe", "still ﬆill ﬅill", "ijzer ĳzer"],
    "format characters": [
        "coopera co\u00adopera co\u200bopera co\u200copera co\u200dopera co\u2060opera \ufeffcoopera co\u034fopera co\u180eopera",
        "zeile zei\u00adle zei\u200ble",
    ],
    "width": ["Valve Ｖａｌｖｅ", "E42 Ｅ４２", "タンク ﾀﾝｸ", "ガイド ｶﾞｲﾄﾞ", "パイプ ﾊﾟｲﾌﾟ", "비밀번호 ᄇ\u1175ᄆ\u1175ᆯᄇ\u1165ᆫ호"],
    "superscripts and subscripts": ["m2 m² m₂", "CO2 CO₂", "H2O H₂O", "x10 x¹⁰"],
    "compatibility": ["kg ㎏", "km ㎞", "IV Ⅳ ⅳ", "no №", "hertz ℎertz", "valve 𝐯𝐚𝐥𝐯𝐞 𝓿𝓪𝓵𝓿𝓮 𝚟𝚊𝚕𝚟𝚎", "平成 ㍻", "人口 ⼈口", "12 ⑫"],
    "case": [
        "valve VALVE Valve", "straße STRASSE STRAẞE strasse", "λόγος ΛΟΓΟΣ ΛΌΓΟΣ λογος λόγοσ", "привет ПРИВЕТ",
        "ťažký ŤAŽKÝ", "ǆep ǅep ǄEP", "հայերեն ՀԱՅԵՐԵՆ", "საქართველო ᲡᲐᲥᲐᲠᲗᲕᲔᲚᲝ", "ꮳꮃꭹ ᏣᎳᎩ", "ſtein stein",
    ],
    "Turkish i": ["İstanbul istanbul ISTANBUL İSTANBUL", "IŞIK ışık"],
    "composition": [f"{word} {normalize('NFD', word)}" for word in ("café", "Überblick", "київ", "йод", "비밀", "ガギ", "việt")],
    "digits": [f"42 {digits}" for digits in DIGITS.split()],
    "Arabic": [
        "كتاب كِتَاب كتـاب ﻛﺘﺎﺏ", "أحمد احمد إحمد ٱحمد", "مدرسة مدرسه مَدْرَسَة", "مستشفى مستشفي", "آمال امال", "هیچ هيچ", "کتاب كتاب",
        "می\u200cخواهم میخواهم", "الله ﷲ",
    ],
    "Hebrew": ["שלום שָׁלוֹם שלומ", "מלך מֶלֶךְ", "בצק בָּצֵק", "אור ﬡור"],
    "Greek": ["άνθρωπος ἄνθρωπος ανθρωπος", "μαΐου μαιου ΜΑΪΟΥ"],
    "Cyrillic": ["ёлка елка ЁЛКА", "замок за\u0301мок", "обʼєкт об’єкт об'єкт"],
    "Devanagari": ["हिन्दी हिंदी", "चाँद चांद", "ज़रूर जरूर ज\u093cरूर", "क\u094d\u200dषमा क\u094dषमा"],
    "Thai and Lao": ["น้ำ น\u0e49\u0e4d\u0e32 น\u0e4d\u0e49\u0e32", "ກຳ ກ\u0ecd\u0eb2"],
    "Han": ["茶 茶", "福祉 福\ufa4d", "說明 說明", "辻 辻\U000e0100"],
    "Latin": ["știință ştiinţă", "ŉaam 'naam"],
}  # fmt: skip
PAIRS = [
    (kind, *pair) for kind, groups in SPELLINGS.items() for group in groups for pair in permutations(group.split(), 2)
]


def test_there_are_two_hundred_of_them():
    assert len(set(PAIRS)) >= 200


@pytest.mark.parametrize("kind", SPELLINGS)
def test_a_word_is_found_in_every_spelling(kind):
    missed = []
    for _, written, typed in (pair for pair in PAIRS if pair[0] == kind):
        scores = BM25(["the lamp is off", f"pump {written} gasket", "a hinge and a lid"]).scores([typed])[0]
        if scores.argmax() != 1 or scores[1] == 0:
            missed.append((written, typed))
    assert missed == []


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("İstanbul IŞIK", "istanbul işik"),
        ("10½ 10⁶ m²", "10 1⁄2 10 6 m2"),
        ("café naïve", "café naïve"),  # marks of Latin letters tell words apart
        ("кой йод", "кой йод"),
        ("", ""),
    ],
)
def test_what_is_folded_and_what_stays(text, folded):
    assert fold(text) == folded


def test_turkish_has_its_own_lower_case():
    assert fold("IŞIK İNCİ", turkish=True) == "ışık inci"
    assert fold("KAPI", turkish=True) == "kapı"


@given(st.text(max_size=20))
def test_a_folded_text_stays_as_it_is(text):
    folded = fold(text)
    assert fold(folded) == folded


@pytest.mark.parametrize(
    ("text", "tidied"),
    [("The Valve", "the valve"), ("ﬁnal co\u00adop", "final coop"), ("العبّارة", "العبّارة"), ("Λόγος İ", "λόγος i")],
)
def test_a_tidy_text_keeps_its_letters(text, tidied):
    assert tidy(text) == tidied
