from __future__ import annotations

SPACES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
)


def content(body: str, kind: str = "text") -> dict[str, str]:
    page = f"<office:document-content {SPACES}><office:body><office:{kind}>{body}</office:{kind}></office:body>"
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
    assert parts(read_bytes("a.odt", zipped(content(body)))) == [
        ("Care", "Fill the tank\nnow (Soft water.)."),
        ("Care › Steps", "- Open\n- Close\n\npart: seal; price: 3"),
    ]


def test_encrypted_text_and_other_documents_are_refused(read_bytes, zipped):
    locked = {**content("<text:p>x</text:p>"), "META-INF/manifest.xml": "<m><encryption-data/></m>"}
    assert read_bytes("a.odt", zipped(locked)).reason == "encrypted"
    other = read_bytes("a.odt", zipped(content("", kind="drawing")))
    assert other.reason == "not an OpenDocument text: its content.xml holds another kind of document"
