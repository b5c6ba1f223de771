from __future__ import annotations

import pytest

from embedtune.types import Skipped

LAUGHS = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]><l>&c;</l>'
MANY_LAUGHS = (
    '<!DOCTYPE l [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    + "]><l>&a9;</l>"
)


def test_records_become_pairs_and_titles_headings(read_bytes, parts):
    page = (
        "<feed><title>News</title><link>https://example.org</link>"
        "<item><title>Tank</title><pubDate>May</pubDate><tag>a</tag><tag>b</tag>"
        "<body>&lt;p&gt;Fill &lt;b&gt;it&lt;/b&gt;.&lt;/p&gt;</body></item></feed>"
    )
    assert parts(read_bytes("a.xml", page)) == [
        ("News", "link: https://example.org"),
        ("News › Tank", "pub Date: May; tag: a, b\n\nFill it."),
    ]


def test_running_text_keeps_its_words_together(read_bytes):
    assert read_bytes("a.xml", "<doc><p>Fill the <b>tank</b>\n now.</p></doc>").text == "Fill the tank now."


def test_xhtml_in_an_xml_file_is_read_as_a_page(read_bytes, parts):
    page = '<html xmlns="http://www.w3.org/1999/xhtml"><body><h1>Tank</h1><p>Fill it.</p></body></html>'
    assert parts(read_bytes("a.xml", page)) == [("Tank", "Fill it.")]


@pytest.mark.parametrize(
    "page", [LAUGHS, MANY_LAUGHS, '<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><l>&a;</l>']
)
def test_entities_are_not_expanded(page, read_bytes):
    found = read_bytes("a.xml", page)
    assert isinstance(found, Skipped)
    assert "declares XML entities" in found.reason or "amplification" in found.reason


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ("<a><b></a>", "not well-formed XML: "),
        ("hello", "it looks like text"),
        ("<a>" * 9000 + "x" + "</a>" * 9000, "nested too deeply"),
    ],
)
def test_what_is_no_xml_is_refused(page, reason, read_bytes):
    assert reason in read_bytes("a.xml", page).reason


def test_declared_encoding_counts(read_bytes):
    page = '<?xml version="1.0" encoding="windows-1250"?><a>płyn</a>'.encode("cp1250")
    assert read_bytes("a.xml", page).text == "a: płyn"
