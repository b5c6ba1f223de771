from __future__ import annotations

import pytest

from embedtune.documents.breaks import find_break


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("one two\n\nthree four\nfive. six", "one two\n\nthree four\n"),
        ("one. two three\n\nfour. five", "one. two three\n\n"),
        ("one. two three four. five six", "one. two three four. "),
        ("one two three four", "one two three "),
        ("一二三四五六七八", "一二三四五六七八"),
        ("a\n\nbcdefghijklmnopqrstuvwxyz", "a\n\nbcdefghijklmnopqrstuvwxyz"),
    ],
)
def test_text_is_parted_at_the_greatest_break_in_its_second_half(text, piece):
    assert text[: find_break(text, 0, len(text))] == piece


def test_only_the_stretch_that_is_asked_for_is_looked_at():
    assert find_break("a\n\nb c d\n\ne", 3, 8) == 7
