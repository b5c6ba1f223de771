from __future__ import annotations

from embedtune.documents.headings import find_sections
from embedtune.types import Document, Section


def test_text_is_kept_as_it_is_with_its_underlined_headings(read_bytes):
    text = "Tank\n====\n\nFill  it.\n\n\n\tNow.\n"
    assert read_bytes("a.txt", text) == Document("a.txt", "", text, tuple(find_sections(text)))
    assert read_bytes("a.txt", text).sections[0].headings == ("Tank",)


def test_suffix_counts_in_any_case(read_bytes):
    assert read_bytes("A.TXT", "Fill it.") == Document("A.TXT", "", "Fill it.", (Section((), 0, 8),))
