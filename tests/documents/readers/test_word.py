from __future__ import annotations

import io

import docx
import pytest
from docx.enum.style import WD_STYLE_TYPE


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
