from __future__ import annotations

import pytest

from embedtune.documents.readers.signatures import demand, looks_like
from embedtune.documents.readers.unreadable import Unreadable


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "a git-LFS pointer; run git lfs pull"),
        (b"  <!DOCTYPE HTML><html>", "HTML"),
        (b"<?xml version='1.0'?>", "XML"),
        (b"\x89PNG\r\n", "a PNG image"),
        ("naïve".encode(), "text"),
        (b"\xfe\xfe\xfe\xfe\xfe\xfe", "unknown bytes"),
        (b"\0\0\0\0", "unknown bytes"),
    ],
)
def test_first_bytes_say_what_a_file_is(head, what):
    assert looks_like(head) == what


def test_signature_may_stand_a_little_further_in(tmp_path):
    path = tmp_path / "a.pdf"
    path.write_bytes(b"\n\n%PDF-1.4")
    demand(path, b"%PDF", "a PDF")
    with pytest.raises(Unreadable, match=r"^not RTF: it looks like"):
        demand(path, b"{\\rtf", "RTF")
