from __future__ import annotations

import pytest


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
