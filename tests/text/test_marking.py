from __future__ import annotations

import pytest

from embedtune.text.analyzer import Analyzer
from embedtune.text.marking import shared_spans

ANALYZE = Analyzer(["english", "japanese", "thai"]).query


def marked(query: str, text: str) -> list[str]:
    return [text[start:end] for start, end in shared_spans(text, set(ANALYZE(query)), ANALYZE)]


@pytest.mark.parametrize(
    ("query", "text", "words"),
    [
        ("how are the cards refunded", "The refund of a Card: refunding.", ["refund", "Card", "refunding"]),
        ("final report", "The ﬁnal re\u00adport", ["ﬁnal", "re\u00adport"]),
        ("東京の天気", "京都と東京都", ["東京"]),
        ("東京都", "東京都庁", ["東京都"]),
        ("茶", "お茶と水", ["茶"]),
        ("ガイド", "ｶﾞｲﾄﾞ本", ["ｶﾞｲﾄﾞ"]),
        ("ค่าปรับ", "ต้องจ่ายค่าปรับเล็กน้อย", ["ค่าปรับ"]),
        ("3,5 litres of 1,200", "3.5 of 1200, 3 and 5", ["3.5", "1200"]),
        ("pump", "", []),
        ("", "pump", []),
    ],
)
def test_words_of_a_query_are_marked_in_any_script_and_spelling(query, text, words):
    assert marked(query, text) == words
