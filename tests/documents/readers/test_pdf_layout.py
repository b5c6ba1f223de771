from __future__ import annotations

import pytest

from embedtune.documents.readers.pdf_layout import Line, add_pages, by_size, drop_furniture, from_outline, heading_sizes
from embedtune.documents.text_builder import TextBuilder

PROSE = "Fill the tank with fresh water and wait until the lamp is green, then press the key."


def line(text: str, size: float = 12) -> Line:
    return Line(text, 50, 50 + 5 * len(text), 700, 700 - size, size)


def levels(lines: list[Line], *, body: int = 9) -> dict[str, int]:
    page = [*lines, *(line(PROSE) for _ in range(body))]
    found = by_size(page, heading_sizes([page]))
    return {held.text: found[id(held)].level for held in page if id(held) in found}


def test_larger_type_is_a_heading_further_out():
    assert levels([line("Brava 3", 24), line("Care", 16), line("Steps", 14), line("Note", 12.4)]) == {
        "Brava 3": 1,
        "Care": 2,
        "Steps": 3,
    }


@pytest.mark.parametrize("text", ["Fill the tank.", "821.14", "x" * 121, "Fill it,", "水を入れて待ちます。"])
def test_large_line_that_reads_like_no_heading_is_none(text):
    assert levels([line(text, 16)], body=30) == {}


def test_size_that_much_of_the_text_has_is_no_heading():
    assert levels([line("Care of the machine", 16), line("Steps of the care", 16)], body=1) == {}


def test_lines_of_one_heading_belong_together_and_text_between_parts_them():
    page = [line("Care of", 16), line("the Brava", 16), line(PROSE), line("Steps", 16)]
    found = by_size(page, {16: 1})
    assert found[id(page[0])] == found[id(page[1])] != found[id(page[3])]


def test_pages_without_lines_have_no_headings():
    assert heading_sizes([[]]) == {}


def test_entry_of_the_outline_is_found_behind_its_number_and_not_within_a_sentence():
    page = [line("In the end it is about the well-known matter of Care"), line("1.2 CARE"), line("Care")]
    assert list(from_outline(page, [(2, "Care")])) == [id(page[1])]
    assert from_outline(page, [(1, "Steps"), (1, "—")]) == {}


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


def test_lines_of_a_script_without_blanks_are_joined_without_them():
    texts = [
        "図書館は町の人と旅の人に地図を三週間の間だけ貸し出",
        "します。遅れて返す人は雨の日でも少しの額の罰",
        "金を払います。",
    ]
    lines = [
        Line(text, 50, 50 + 12 * len(text), 700 - 14 * number, 688 - 14 * number, 12)
        for number, text in enumerate(texts)
    ]
    builder = TextBuilder()
    add_pages(builder, [[*lines, *(line(PROSE)._replace(top=500 - 30 * n, bottom=488 - 30 * n) for n in range(9))]], {})
    assert builder.build("a").text.split("\n\n")[0] == "".join(texts)
