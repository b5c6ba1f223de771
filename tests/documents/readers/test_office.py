from __future__ import annotations

import io

import docx
import pytest
from docx.enum.style import WD_STYLE_TYPE
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (r"{\rtf1\ansi\ansicpg1252 Fill {\b the} tank.\par\par Wait\'e9 \u8364?.}", "Fill the tank.\n\nWaité €."),
        (r"{\rtf1\ansi\ansicpg1250 p\'b3yn}", "płyn"),
        (r"{\rtf1{\fonttbl{\f0 Arial;}}{\*\generator x;}\f0 One.}", "One."),
        (r'{\rtf1{\field{\*\fldinst HYPERLINK "https://example.org"}{\fldrslt the site}}}', "the site"),
    ],
)
def test_text_comes_without_control_words(source, text, read_bytes):
    assert read_bytes("a.rtf", source).text == text


def test_what_is_no_rtf_is_refused(read_bytes):
    assert read_bytes("a.rtf", b"hello").reason == "not RTF: it looks like text"


def make_word(fill) -> bytes:
    document, buffer = docx.Document(), io.BytesIO()
    fill(document)
    document.save(buffer)
    return buffer.getvalue()


def test_headings_lists_and_tables_come_in_order(read_bytes, parts):
    def fill(document):
        document.add_heading("Brava 3", 0)
        document.add_paragraph("Made in ").add_run("Turin").bold = True
        document.add_heading("Care", 1)
        document.add_paragraph("Open", style="List Bullet")
        document.add_paragraph("Close", style="List Bullet")
        table = document.add_table(3, 2)
        for row, cells in zip(table.rows, [("part", "price"), ("seal", "3"), ("pump", "9")], strict=True):
            for cell, text in zip(row.cells, cells, strict=True):
                cell.text = text
        document.add_heading("Steps", 2)
        document.add_paragraph("Wait.")

    document = read_bytes("a.docx", make_word(fill))
    assert document.title == "Brava 3"
    assert parts(document) == [
        ("Brava 3", "Made in Turin"),
        ("Brava 3 › Care", "- Open\n- Close\n\npart: seal; price: 3\n\npart: pump; price: 9"),
        ("Brava 3 › Care › Steps", "Wait."),
    ]


def test_merged_cell_stands_once(read_bytes):
    def fill(document):
        table = document.add_table(2, 3)
        table.cell(0, 0).merge(table.cell(0, 2)).text = "Prices of 2024"
        for column, text in enumerate("abc"):
            table.cell(1, column).text = text

    assert read_bytes("a.docx", make_word(fill)).text == "Prices of 2024\n\na | b | c"


def test_style_with_an_outline_level_is_a_heading(read_bytes, parts):
    def fill(document):
        style = document.styles.add_style("Chapter", WD_STYLE_TYPE.PARAGRAPH)
        level = style.element.get_or_add_pPr().makeelement(
            "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}outlineLvl",
            {"{http://schemas.openxmlformats.org/wordprocessingml/2006/main}val": "0"},
        )
        style.element.get_or_add_pPr().append(level)
        document.add_paragraph("Care", style="Chapter")
        document.add_paragraph("Wait.")

    assert parts(read_bytes("a.docx", make_word(fill))) == [("Care", "Wait.")]


def test_text_of_links_is_kept(read_bytes):
    def fill(document):
        paragraph = document.add_paragraph("See ")
        link = paragraph._p.makeelement(paragraph._p.tag.replace("}p", "}hyperlink"), {})
        link.append(paragraph.add_run("the site")._r)
        paragraph._p.append(link)

    assert read_bytes("a.docx", make_word(fill)).text == "See the site"


def test_empty_document_is_empty(read_bytes):
    assert read_bytes("a.docx", make_word(lambda _: None)).reason == "empty"


CONTROL = """<w:sdt xmlns:w="{}"><w:sdtContent><w:p><w:r><w:t xml:space="preserve">Fill the </w:t></w:r>
<w:ins w:id="1"><w:r><w:t xml:space="preserve">big </w:t></w:r></w:ins><w:del w:id="2"><w:r><w:delText>small</w:delText></w:r></w:del>
<w:r><w:t>tank.</w:t></w:r><w:r><w:pict><w:txbxContent><w:p><w:r><w:t>In a box.</w:t></w:r></w:p></w:txbxContent></w:pict></w:r>
</w:p></w:sdtContent></w:sdt>"""


def test_content_controls_insertions_and_text_boxes_are_read_and_deletions_are_not(read_bytes):
    from docx.oxml import parse_xml

    def fill(document):
        document.add_paragraph("First.")._p.addnext(parse_xml(CONTROL.format(document.element.nsmap["w"])))

    assert read_bytes("a.docx", make_word(fill)).text == "First.\n\nFill the big tank.\n\nIn a box."


def test_footnote_stands_where_it_is_called(read_bytes):
    from docx.opc.packuri import PackURI
    from docx.opc.part import Part

    def fill(document):
        word = document.element.body.tag.removesuffix("body")
        paragraph = document.add_paragraph("Use soft water")
        run = paragraph.add_run()._r
        run.append(run.makeelement(f"{word}footnoteReference", {f"{word}id": "2"}))
        paragraph.add_run(".")
        notes = (
            f'<w:footnotes xmlns:w="{word[1:-1]}"><w:footnote w:id="2"><w:p><w:r><w:t>Below 8 dH</w:t></w:r></w:p>'
            "</w:footnote></w:footnotes>"
        )
        kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
        content = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
        part = Part(PackURI("/word/footnotes.xml"), content, notes.encode(), document.part.package)
        document.part.relate_to(part, kind)

    assert read_bytes("a.docx", make_word(fill)).text == "Use soft water (Below 8 dH)."


def make_slides(fill_slides) -> bytes:
    presentation, buffer = Presentation(), io.BytesIO()
    fill_slides(presentation)
    presentation.save(buffer)
    return buffer.getvalue()


def fill_slides(presentation) -> None:
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "Care"
    slide.placeholders[1].text = "Fill the tank.\nWait."
    slide.notes_slide.notes_text_frame.text = "Show the tank."
    slide = presentation.slides.add_slide(presentation.slide_layouts[5])
    slide.shapes.title.text = "Prices"
    table = slide.shapes.add_table(2, 2, 0, Inches(2), Inches(4), Inches(1)).table
    for number, text in enumerate(["part", "price", "seal", "3"]):
        table.cell(number // 2, number % 2).text = text
    data = CategoryChartData()
    data.categories = ["2023", "2024"]
    data.add_series("sold", (5, 7))
    slide.shapes.add_chart(XL_CHART_TYPE.LINE, 0, Inches(4), Inches(4), Inches(2), data)


def test_each_slide_is_a_page_with_its_title_as_heading(read_bytes, parts):
    document = read_bytes("a.pptx", make_slides(fill_slides))
    assert parts(document) == [
        ("Care", "Fill the tank.\nWait.\n\nShow the tank."),
        ("Prices", "part: seal; price: 3\n\n2023; sold: 5\n\n2024; sold: 7"),
    ]
    assert document.pages == (0, document.text.index("Prices"))


def test_too_many_slides_are_not_read(read_bytes):
    assert read_bytes("a.pptx", make_slides(fill_slides), max_pages=1).reason == "too many slides: 2, the limit is 1"


def test_presentation_without_text_is_empty(read_bytes):
    assert read_bytes("a.pptx", make_slides(lambda _: None)).reason == "empty"


OPEN_DOCUMENT_SPACES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
)


def open_document_content(body: str, kind: str = "text") -> dict[str, str]:
    page = f"<office:document-content {OPEN_DOCUMENT_SPACES}><office:body><office:{kind}>{body}</office:{kind}></office:body>"
    return {"content.xml": page + "</office:document-content>"}


def test_headings_lists_tables_and_notes_are_kept(read_bytes, zipped, parts):
    row = "<table:table-row>{}</table:table-row>"
    cell = "<table:table-cell><text:p>{}</text:p></table:table-cell>"
    rows = "".join(row.format("".join(map(cell.format, cells))) for cells in (("part", "price"), ("seal", "3")))
    body = (
        '<text:h text:outline-level="1">Care</text:h>'
        '<text:p>Fill<text:s text:c="3"/>the <text:span>tank</text:span><text:line-break/>now'
        "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>Soft water.</text:p></text:note-body>"
        "</text:note>.</text:p>"
        '<text:section><text:h text:outline-level="2">Steps</text:h></text:section>'
        "<text:list><text:list-item><text:p>Open</text:p></text:list-item><text:list-item><text:p>Close</text:p>"
        f"</text:list-item></text:list><table:table>{rows}</table:table>"
    )
    assert parts(read_bytes("a.odt", zipped(open_document_content(body)))) == [
        ("Care", "Fill the tank\nnow (Soft water.)."),
        ("Care › Steps", "- Open\n- Close\n\npart: seal; price: 3"),
    ]


def test_encrypted_text_and_other_documents_are_refused(read_bytes, zipped):
    locked = {**open_document_content("<text:p>x</text:p>"), "META-INF/manifest.xml": "<m><encryption-data/></m>"}
    assert read_bytes("a.odt", zipped(locked)).reason == "encrypted"
    other = read_bytes("a.odt", zipped(open_document_content("", kind="drawing")))
    assert other.reason == "not an OpenDocument text: its content.xml holds another kind of document"


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


SPANNED = [
    "Site: Harrow; Hours Summer: 8-20; Hours Winter: 9-16",
    "Site: Harrow; Hours Summer: 8-22 (Fri); Hours Winter: 9-18 (Fri)",
    "All prices include tax.",
]
TEXTS = [["Site", "Hours", ""], ["", "Summer", "Winter"], ["Harrow", "8-20", "9-16"], ["", "8-22 (Fri)", "9-18 (Fri)"],
         ["All prices include tax.", "", ""]]  # fmt: skip
MERGED = [((0, 0), (1, 0)), ((0, 1), (0, 2)), ((2, 0), (3, 0)), ((4, 0), (4, 2))]


def fill_table(table) -> None:
    for number, row in enumerate(TEXTS):
        for column, text in enumerate(row):
            table.cell(number, column).text = text
    for first, last in MERGED:
        table.cell(*first).merge(table.cell(*last))


def test_cells_of_word_reach_over_rows_and_columns(read_bytes):
    data = make_word(lambda document: fill_table(document.add_table(5, 3)))
    assert read_bytes("a.docx", data).text.split("\n\n") == SPANNED


def test_cells_of_slides_reach_over_rows_and_columns(read_bytes):
    def fill(presentation) -> None:
        slide = presentation.slides.add_slide(presentation.slide_layouts[6])
        fill_table(slide.shapes.add_table(5, 3, 0, 0, Inches(5), Inches(3)).table)

    assert read_bytes("a.pptx", make_slides(fill)).text.split("\n\n") == SPANNED


def test_cells_of_opendocument_reach_over_rows_and_columns(read_bytes, zipped):
    reach = {first: (last[0] - first[0] + 1, last[1] - first[1] + 1) for first, last in MERGED}
    covered = {
        (row, column)
        for (top, left), (bottom, right) in MERGED
        for row in range(top, bottom + 1)
        for column in range(left, right + 1)
    } - reach.keys()

    def cell(row: int, column: int) -> str:
        if (row, column) in covered:
            return "<table:covered-table-cell/>"
        rows, columns = reach.get((row, column), (1, 1))
        attributes = f'table:number-rows-spanned="{rows}" table:number-columns-spanned="{columns}"'
        return f"<table:table-cell {attributes}><text:p>{TEXTS[row][column]}</text:p></table:table-cell>"

    rows = ("".join(cell(row, column) for column in range(3)) for row in range(5))
    body = "<table:table>" + "".join(f"<table:table-row>{row}</table:table-row>" for row in rows) + "</table:table>"
    assert read_bytes("a.odt", zipped(open_document_content(body))).text.split("\n\n") == SPANNED
