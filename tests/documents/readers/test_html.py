from __future__ import annotations

import re

import pytest

from embedtune.documents.readers.files import Unreadable
from embedtune.documents.readers.html import local_name, parse_html, parse_xhtml, parse_xml, text_of
from embedtune.types import Skipped

NAMESPACED = b'<a xmlns="urn:x" xmlns:y="urn:y"><y:b>one<!-- no --><?no no?></y:b></a>'
WITH_ENTITY = b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'


def test_names_lose_their_namespaces_and_comments_go():
    root = parse_xml(NAMESPACED)
    assert [local_name(element) for element in root.iter()] == ["a", "b"]
    assert root.find("b") is not None
    assert text_of(root) == "one"


def test_entities_of_the_file_are_refused_in_xml_and_stay_as_they_are_in_xhtml():
    with pytest.raises(Unreadable, match="declares XML entities"):
        parse_xml(WITH_ENTITY)
    assert "&x;" in text_of(parse_xhtml(WITH_ENTITY))


def test_document_type_without_entities_is_no_reason_to_refuse():
    page = b'<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://example.org/x.dtd"><html>x</html>'
    assert text_of(parse_xml(page)) == "x"


def test_lines_of_a_script_without_blanks_are_joined_without_them(read_bytes):
    assert read_bytes("a.html", "<p>地図を貸し出\n  します。 a\nb</p>").text == "地図を貸し出します。 a b"
    assert read_bytes("a.md", "地図を貸し出\nします。a\nb").text == "地図を貸し出します。a b"


def test_html_is_parsed_with_its_faults():
    assert text_of(parse_html(b"<p>a<b>b</p>c")) == "abc"
    assert parse_html(b" \n") is None


PAGE = """<!DOCTYPE html><html><head><title>Brava | Help</title><style>p { color: red }</style></head><body>
<header><a href="/">Home</a></header><nav><ul><li>Shop</ul></nav>
<main><h1>Care of the <em>Brava</em></h1>
<p>Fill the <b>tank</b><br>with &quot;soft&quot; wa<wbr>ter&nbsp;&amp; wait.<script>var x = "<p>no</p>";</script></p>
<h2>Steps<a class="headerlink" href="#x">¶</a></h2>
<ol><li>Open<ul><li>the <a href="x">lid</a></li></ul></li><li>Close</li></ol>
<pre>if x:
    y = 1</pre>
<table><tr><th>part</th><th>price</th></tr><tr><td>seal</td><td><ul><li>3 €</li><li>4 $</li></ul></td></tr></table>
<dl><dt>Brew</dt><dd>To make coffee.</dd></dl>
</main><footer>© 2020</footer></body></html>"""


def test_page_is_read_without_what_surrounds_it(read_bytes, parts):
    document = read_bytes("a.html", PAGE)
    assert document.title == ""  # the first heading says it
    assert parts(document) == [
        ("Care of the Brava", 'Fill the tank\nwith "soft" water & wait.'),
        (
            "Care of the Brava › Steps",
            "1. Open\n- the lid\n2. Close\n\nif x:\n    y = 1\n\npart: seal; price: 3 €, 4 $\n\nBrew\nTo make coffee.",
        ),
    ]


def test_title_serves_where_no_heading_does(read_bytes):
    document = read_bytes("a.htm", "<title>Brava</title>Fill it.")
    assert (document.title, document.text) == ("Brava", "Fill it.")


def test_short_plain_page_is_not_lost(read_bytes):
    assert read_bytes("a.html", "<div>One.<br>Two.</div>").text == "One.\nTwo."
    assert read_bytes("a.html", "<nav><a>One</a></nav>").text == "One"


def test_menu_of_links_goes_and_list_of_links_in_a_cell_stays(read_bytes):
    links = "".join(f"<li><a href='x'>Shop {number}</a></li>" for number in range(9))
    assert read_bytes("a.html", f"<ul>{links}</ul><p>Text.</p>").text == "Text."
    page = f"<table><tr><td>Shops</td><td><ul>{links}</ul></td></tr><tr><td>Open</td><td>9</td></tr></table>"
    assert "Shop 8" in read_bytes("a.html", page).text


def test_layout_table_is_walked_through(read_bytes, parts):
    page = "<table><tr><td>Menu</td><td><h1>Care</h1><p>One.</p></td></tr></table>"
    assert parts(read_bytes("a.html", page))[-1] == ("Care", "One.")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("<meta charset=windows-1250><p>płyn".encode("cp1250"), "płyn"),
        (b"\xff\xfe" + "<p>płyn".encode("utf-16-le"), "płyn"),
        ("<p>płyn".encode(), "płyn"),
    ],
)
def test_encoding_is_the_one_that_is_declared(data, text, read_bytes):
    assert read_bytes("a.html", data).text == text


def test_xhtml_is_read_with_its_entities(read_bytes):
    page = '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body><p>a&nbsp;b</p></body></html>'
    assert read_bytes("a.xhtml", page).text == "a b"


def test_what_is_nested_beyond_measure_is_refused_and_not_cut(read_bytes):
    assert read_bytes("a.html", "<div>" * 50_000 + "x") == Skipped("a.html", "nested too deeply")


def test_cells_reach_over_rows_and_columns(read_bytes):
    page = (
        "<h1>Opening hours</h1><table><tr><th rowspan=2>Site</th><th colspan=2>Hours</th></tr><tr><th>Summer</th>"
        "<th>Winter</th></tr><tr><td rowspan=2>Harrow</td><td>8-20</td><td>9-16</td></tr><tr><td>8-22 (Fri)</td>"
        "<td>9-18 (Fri)</td></tr><tr><td>Tansy</td><td colspan=2>closed</td></tr></table>"
    )
    assert read_bytes("a.html", page).text.split("\n\n")[1:] == [
        "Site: Harrow; Hours Summer: 8-20; Hours Winter: 9-16",
        "Site: Harrow; Hours Summer: 8-22 (Fri); Hours Winter: 9-18 (Fri)",
        "Site: Tansy; Hours Summer: closed; Hours Winter: closed",
    ]


@pytest.mark.parametrize("reach", ["0", "x", "-3", "99999999999"])
def test_a_reach_that_cannot_be_is_bounded(reach, read_bytes):
    page = (
        f"<table><tr><td rowspan={reach} colspan={reach}>zone</td><td>a</td></tr><tr><td>b</td><td>c</td></tr></table>"
    )
    assert {"zone", "a", "b", "c"} <= set(re.findall(r"\w+", read_bytes("a.html", page).text))
