from __future__ import annotations

import pytest

from embedtune.documents.readers.files import Unreadable
from embedtune.documents.readers.markup import local_name, parse_html, parse_xhtml, parse_xml, text_of

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


def test_html_is_parsed_with_its_faults():
    assert text_of(parse_html(b"<p>a<b>b</p>c")) == "abc"
    assert parse_html(b" \n") is None
