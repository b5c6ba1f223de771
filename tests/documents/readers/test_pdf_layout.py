from __future__ import annotations

import pytest

from embedtune.documents.readers.pdf_layout import add_pages, drop_furniture
from embedtune.documents.readers.pdf_line import Line
from embedtune.documents.text_builder import TextBuilder


def column(texts: list[str], left: float = 50, top: float = 700) -> list[Line]:
    """Return lines of 12 points, 14 apart, 5 points a character."""
    return [
        Line(text, left, left + 5 * len(text), top - 14 * number, top - 14 * number - 12, 12)
        for number, text in enumerate(texts)
    ]


def text_of(*pages: list[Line]) -> str:
    builder = TextBuilder()
    add_pages(builder, pages, {})
    return builder.build("a").text


def test_two_columns_are_read_one_after_the_other():
    left = ["the machine must be descaled every other", "month because hard water leaves so much", "lime in it."]
    right = ["after that the tank is filled again with", "soft water and all the pipes are rinsed", "with it."]
    assert text_of(column(left) + column(right, left=300)) == " ".join(left) + "\n\n" + " ".join(right)


def test_items_of_a_list_stay_lines():
    items = [f"{sign} fill the tank with water and then close the lid of it" for sign in ("1.", "(b)", "•", "iv)")]
    assert text_of(column(items)) == "\n".join(items)


def test_contents_lose_their_dots():
    assert text_of(column(["1 Care . . . . . . . . . 3", "2 Steps...............4"])) == "1 Care … 3\n2 Steps … 4"


@pytest.mark.parametrize(("count", "kept"), [(2, True), (3, False)])
def test_few_pages_repeat_nothing(count, kept):
    pages = [column([f"Brava {number}", f"Text of {'abc'[number]}.", "End."]) for number in range(count)]
    assert any(line.text.startswith("Brava") for page in drop_furniture(pages) for line in page) is kept


def test_repeated_line_in_the_middle_of_pages_stays():
    pages = [column(["a" * n, "b" * n, "c" * n, "Note.", "d" * n, "e" * n, "f" * n]) for n in range(1, 6)]
    assert all(any(line.text == "Note." for line in page) for page in drop_furniture(pages))


def test_heading_that_no_line_shows_is_left_out():
    builder = TextBuilder()
    add_pages(builder, [column(["Fill the tank."])], {0: [(1, "Care")], 3: [(1, "Steps")]})
    assert builder.build("a").sections == ()
