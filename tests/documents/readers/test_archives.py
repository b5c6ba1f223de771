from __future__ import annotations

import struct

import pytest

from embedtune.documents.limits import ReadingLimits
from embedtune.documents.readers.archives import open_archive, read_member
from embedtune.documents.readers.unreadable import Unreadable


def test_members_are_read_and_missing_ones_named(tmp_path, zipped):
    path = tmp_path / "a.odt"
    path.write_bytes(zipped({"a.xml": "<a/>"}))
    with open_archive(path, "an OpenDocument text", ReadingLimits()) as archive:
        assert read_member(archive, "a.xml", "x") == b"<a/>"
        with pytest.raises(Unreadable, match=r"^not an OpenDocument text: a zip archive without b\.xml$"):
            read_member(archive, "b.xml", "an OpenDocument text")


def test_cut_off_archive_is_refused(tmp_path, zipped):
    path = tmp_path / "a.odt"
    path.write_bytes(zipped({"a.xml": "<a/>"})[:40])
    with pytest.raises(Unreadable, match=r"^not x: a broken zip archive"), open_archive(path, "x", ReadingLimits()):
        pass


def test_encrypted_archive_is_refused(tmp_path, zipped):
    data = bytearray(zipped({"a.xml": "<a/>"}))
    entry = data.index(b"PK\x01\x02") + 8
    data[entry : entry + 2] = struct.pack("<H", 1)
    path = tmp_path / "a.odt"
    path.write_bytes(data)
    with pytest.raises(Unreadable, match=r"^encrypted$"), open_archive(path, "x", ReadingLimits()):
        pass
