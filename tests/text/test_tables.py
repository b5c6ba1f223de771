"""Tables of plain text."""

from embedtune.text.tables import align


def test_numbers_are_aligned_to_the_right():
    assert align([["system", "a"], ["x", "10.5"]]) == "system     a\nx       10.5"
