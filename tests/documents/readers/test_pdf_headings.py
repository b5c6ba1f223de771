from __future__ import annotations

import pytest

from embedtune.documents.readers.pdf_headings import by_size, from_outline, heading_sizes
from embedtune.documents.readers.pdf_line import Line

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


@pytest.mark.parametrize("text", ["Fill the tank.", "821.14", "x" * 121, "Fill it,"])
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
