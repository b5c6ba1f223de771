import pytest

from embedtune.reports.visible import cut, visible


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("plain\ttext\nwith lines", "plain\ttext\nwith lines"),
        ("a\u202eb", "a‹U+202E›b"),
        ("\u2066\u200b\ufeff\0\x9f", "‹U+2066›‹U+200B›‹U+FEFF›‹U+0000›‹U+009F›"),
        ("\ud800 alone", "‹U+D800› alone"),
        ("tag\U000e0041", "tag‹U+E0041›"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),  # Persian needs its non-joiner
        ("👩\u200d🔬", "👩\u200d🔬"),
        ("a" + "\u0301" * 50, "a" + "\u0301" * 4),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("one\n\n\n \n\ntwo", "one\n\ntwo"),
    ],
)  # fmt: skip
def test_hidden_characters_are_named_and_others_stay(text, seen):
    assert visible(text) == seen
    assert visible(seen) == seen
    seen.encode("utf-8")


def test_cut():
    assert cut("refund", 6) == "refund"
    assert cut("a refund", 3) == "a…"
    assert len(cut("x" * 100, 10)) == 10
