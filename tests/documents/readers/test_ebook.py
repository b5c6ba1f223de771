from __future__ import annotations

import pytest

CONTAINER = '<container xmlns="urn:x"><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
PACKAGE = """<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">
<metadata><dc:title>The Brava</dc:title></metadata><manifest>
<item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="b" href="text/two%20b.xhtml" media-type="application/xhtml+xml"/>
<item id="a" href="one.xhtml" media-type="application/xhtml+xml"/>
<item id="i" href="cover.svg" media-type="image/svg+xml"/>
</manifest><spine><itemref idref="n"/><itemref idref="i"/><itemref idref="a"/><itemref idref="b"/></spine></package>"""
BOOK = {
    "META-INF/container.xml": CONTAINER,
    "OPS/book.opf": PACKAGE,
    "OPS/nav.xhtml": "<html><body><p>Contents</p></body></html>",
    "OPS/one.xhtml": "<html xmlns='http://www.w3.org/1999/xhtml'><body><h1>Care</h1><p>Fill&nbsp;it.</p></body></html>",
    "OPS/text/two b.xhtml": "<html><body><h1>Steps</h1><p>Wait.</p></body></html>",
}


def test_chapters_come_in_the_order_of_the_spine(read_bytes, zipped, parts):
    document = read_bytes("a.epub", zipped(BOOK))
    assert document.title == "The Brava"
    assert parts(document) == [("Care", "Fill it."), ("Steps", "Wait.")]


def test_encrypted_chapter_makes_the_book_unreadable_and_an_encrypted_font_does_not(read_bytes, zipped):
    def encryption(name: str) -> str:
        return f'<encryption xmlns="urn:y"><CipherData><CipherReference URI="{name}"/></CipherData></encryption>'

    locked = {**BOOK, "META-INF/encryption.xml": encryption("OPS/one.xhtml")}
    assert read_bytes("a.epub", zipped(locked)).reason == "encrypted"
    fonts = {**BOOK, "META-INF/encryption.xml": encryption("OPS/font.otf")}
    assert read_bytes("a.epub", zipped(fonts)).title == "The Brava"


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        ("META-INF/container.xml", "not an EPUB: a zip archive without META-INF/container.xml"),
        ("OPS/book.opf", "not an EPUB: a zip archive without OPS/book.opf"),
        ("OPS/one.xhtml", "not an EPUB: a zip archive without OPS/one.xhtml"),
    ],
)
def test_book_with_a_part_missing_is_refused(missing, reason, read_bytes, zipped):
    assert read_bytes("a.epub", zipped({name: text for name, text in BOOK.items() if name != missing})).reason == reason
