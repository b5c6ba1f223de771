from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.documents.text_builder import TextBuilder, TooMuchText, clean, one_line
from embedtune.types import Section

texts = st.text(max_size=30)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("heading"), st.integers(1, 4), texts),
        st.tuples(st.sampled_from(["block", "code", "carry_on"]), texts),
        st.tuples(st.just("page")),
    ),
    max_size=20,
)


@given(steps=steps)
def test_sections_and_pages_lie_in_the_text_in_order(steps):
    builder = TextBuilder()
    for name, *arguments in steps:
        getattr(builder, name)(*arguments)
    document = builder.build("a")
    document.text.encode()
    assert document.text == document.text.strip("\n")
    assert list(document.pages) == sorted(document.pages)
    assert len(document.pages) == sum(step == ("page",) for step in steps)
    assert all(0 <= page <= len(document.text) for page in document.pages)
    end = 0
    for section in document.sections:
        assert end <= section.start < section.end <= len(document.text)
        assert document.text[section.start : section.end].strip() == document.text[section.start : section.end]
        end = section.end
    held = "".join(document.text[section.start : section.end] for section in document.sections)
    paths = {heading for section in document.sections for heading in section.headings}
    lost = [word for word in document.text.split() if word not in held and not any(word in path for path in paths)]
    assert lost == [] or document.sections == ()


def test_headings_make_a_path_and_blank_lines_part_blocks():
    builder = TextBuilder()
    builder.block("Before.")
    builder.heading(1, "Care")
    builder.heading(3, "Tank")
    builder.block("Fill it.")
    builder.block("Wait.")
    builder.heading(2, "Seal")
    builder.block("Grease it.")
    document = builder.build("a.docx")
    assert document.text == "Before.\n\nCare\n\nTank\n\nFill it.\n\nWait.\n\nSeal\n\nGrease it."
    assert document.sections == (
        Section((), 0, 7),
        Section(("Care", "Tank"), 21, 36),
        Section(("Care", "Seal"), 44, 54),
    )


def test_heading_with_nothing_below_is_text_of_the_section_around_it():
    builder = TextBuilder()
    builder.heading(1, "Care")
    builder.heading(2, "Tank")
    builder.heading(2, "Lid")
    builder.heading(2, "Seal")
    builder.block("Grease it.")
    builder.heading(1, "Thank you")
    assert builder.build("a.pptx").sections == (
        Section(("Care",), 6, 15),
        Section(("Care", "Seal"), 23, 33),
        Section((), 35, 44),
    )


def test_document_without_headings_has_no_sections():
    builder = TextBuilder()
    builder.block("Fill it.")
    assert builder.build("a").sections == ()


def test_page_starts_where_its_first_text_does():
    builder = TextBuilder()
    builder.page()
    builder.block("One and")
    builder.page()
    builder.carry_on("a half.")
    builder.page()
    builder.page()
    builder.block("Two.")
    builder.page()
    document = builder.build("a")
    assert document.text == "One and a half.\n\nTwo."
    assert document.pages == (0, 8, 17, 17, 21)


def test_code_keeps_its_indentation_and_text_does_not():
    builder = TextBuilder()
    builder.code("\nif x:\n\ty = 1  \n")
    builder.block("\n  a \t b \n\n\n\n c\n")
    assert builder.build("a").text == "if x:\n    y = 1\n\na b\n\nc"


def test_text_beyond_the_limit_is_refused():
    builder = TextBuilder(max_chars=10)
    builder.block("x" * 9)
    with pytest.raises(TooMuchText, match="more than 10 characters of text"):
        builder.block("y")


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("speci\ufb01c e\ufb03cient", "specific efficient"),
        ("main\u00adte\u200bnance\ufeff", "maintenance"),
        ("a\u00a0b\x07\x00", "a b"),
        ("half \ud800 pair", "half pair"),
        ("a\r\nb\rc", "a\nb\nc"),
    ],
)
def test_characters_that_nobody_sees_go(text, plain):
    assert clean(text) == plain


def test_heading_is_one_line():
    assert one_line(" Care\n of  it ") == "Care of it"
