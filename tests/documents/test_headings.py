from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.documents.headings import find_sections


def parts(text: str) -> list[tuple[tuple[str, ...], str]]:
    return [(section.headings, text[section.start : section.end].strip()) for section in find_sections(text)]


def test_markdown_manual_has_its_sections(manual):
    found = parts(manual.text)
    assert [headings for headings, _ in found] == [
        (),
        ("Brava 3 espresso machine",),
        ("Brava 3 espresso machine", "Filling the tank"),
        ("Brava 3 espresso machine", "Descaling"),
        ("Brava 3 espresso machine", "Descaling", "What you need"),
        ("Brava 3 espresso machine", "Descaling", "Steps"),
    ]
    assert found[0][1] == "The Brava 3 makes espresso from ground coffee. Read this manual before the first cup."
    assert found[4][1] == "One sachet of descaler and a bowl that holds two litres."


def test_comment_in_fenced_code_is_no_heading(manual):
    steps = parts(manual.text)[-1][1]
    assert "# this is a comment, not a heading" in steps
    assert steps.endswith("Rinse the tank twice afterwards.")


def test_underlined_headings_nest_in_the_order_of_their_characters(help_article):
    assert parts(help_article.text) == [
        (("Billing and invoices",), "Invoices are sent on the first working day of each month."),
        (
            ("Billing and invoices", "Changing the payment card"),
            "Open Settings, choose Billing and press Replace card. The old card is charged until the new one is confirmed.",
        ),
        (
            ("Billing and invoices", "Refunds"),
            "A refund reaches your account within ten days. Refunds for annual plans are counted by the day.",
        ),
    ]


def test_text_without_headings_is_one_section():
    assert find_sections("One line.\n\nAnother.\n") == [((), 0, 20)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n\n",
        "# Only\n\n## Headings\n",
    ],
)
def test_text_without_a_body_has_no_section(text):
    assert find_sections(text) == []


def test_heading_without_a_body_lives_on_in_the_path_below():
    assert parts("# Manual\n## Safety\nKeep dry.\n") == [(("Manual", "Safety"), "Keep dry.")]


def test_same_level_closes_the_heading_before():
    assert parts("# A\n### B\nb\n## C\nc\n# D\nd\n") == [(("A", "B"), "b"), (("A", "C"), "c"), (("D",), "d")]


def test_body_starts_after_the_heading_lines():
    text = "Refunds\n-------\nTen days.\n"
    assert find_sections(text) == [(("Refunds",), 16, 26)]


@pytest.mark.parametrize(
    ("line", "heading"),
    [("# Tank #", "Tank"), ("##   Tank  ##  ", "Tank"), ("###### Tank", "Tank"), ("# Tank & *pump*", "Tank & *pump*")],
)
def test_closing_marks_and_spaces_are_not_part_of_the_heading(line, heading):
    assert parts(f"{line}\nbody\n") == [((heading,), "body")]


@pytest.mark.parametrize("line", ["#Tank", "####### Tank", "#", " text # Tank"])
def test_line_that_only_looks_like_a_heading_is_text(line):
    assert parts(f"{line}\nbody\n") == [((), f"{line}\nbody".strip())]


@pytest.mark.parametrize(
    "text",
    [
        "A table\nfollows\n-----\nbody\n",  # the line above is not blank
        "  Indented\n-----\nbody\n",
        "A long sentence that ends a part of the text.\n---\nbody\n",  # a rule, no underline
        "-----\n-----\nbody\n",
        "No\n==\nbody\n",
        "Mixed\n=-=-=\nbody\n",
        "x" * 121 + "\n" + "=" * 121 + "\nbody\n",
        "Last line",
    ],
)
def test_rule_that_is_no_underline_makes_no_heading(text):
    assert parts(text) == [((), text.strip())]


def test_underlines_of_restructured_text_are_known():
    text = "Top\n***\n\na\n\nMiddle\n^^^^^^\n\nb\n\nLow\n+++\n\nc\n\nMiddle again\n^^^^^^^^^^^^\n\nd\n"
    assert [headings for headings, _ in parts(text)] == [
        ("Top",),
        ("Top", "Middle"),
        ("Top", "Middle", "Low"),
        ("Top", "Middle again"),
    ]


def test_tildes_may_underline():
    text = "Top\n===\n\na\n\nLow\n~~~\n\nb\n\nNext top\n========\n\nc\n"
    assert parts(text) == [(("Top",), "a"), (("Top", "Low"), "b"), (("Next top",), "c")]


def test_open_fence_lasts_to_the_end():
    assert parts("# A\n```\n# not a heading\n") == [(("A",), "```\n# not a heading")]


@pytest.mark.parametrize(
    ("text", "headings"),
    [
        ("# C#\n\nbody\n", [("C#",)]),
        ("# A\n\n```one line```\n\n# B\n\nbody\n", [("A",), ("B",)]),
        ("# A\n\n````\n```\n````\n\n# B\n\nbody\n", [("A",), ("B",)]),
        ("# A\n\n```\n~~~\n```\n\n# B\n\nbody\n", [("A",), ("B",)]),
    ],
)
def test_headings_are_those_of_commonmark(text, headings):
    assert [found for found, _ in parts(text)] == headings


@given(
    st.lists(
        st.sampled_from(["# A", "## B", "Title", "=====", "-----", "", "text here.", "```", "~~~", "\u2028", "\x0c"]),
        max_size=14,
    )
)
def test_sections_are_in_order_and_lose_only_heading_lines(lines):
    text = "\n".join(lines)
    sections = find_sections(text)
    bounds = [0, *(bound for section in sections for bound in section[1:]), len(text)]
    assert bounds == sorted(bounds)
    lost = [line for start, end in zip(bounds[::2], bounds[1::2], strict=True) for line in text[start:end].split("\n")]
    assert {line.strip() for line in lost} <= {"# A", "## B", "A", "Title", "=====", "-----", "text here.", ""}
    assert sum(line == "text here." for line in lost) <= sum(line in ("=====", "-----") for line in lines)
