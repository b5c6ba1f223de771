from __future__ import annotations

import struct
from dataclasses import asdict

import pytest

from embedtune.config.settings import ReadingConfig
from embedtune.documents.readers.files import (
    ReadingLimits,
    Unreadable,
    decode,
    looks_like,
    open_archive,
    read_member,
    require_signature,
)


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
    require_signature(path, b"%PDF", "a PDF")
    with pytest.raises(Unreadable, match=r"^not RTF: it looks like"):
        require_signature(path, b"{\\rtf", "RTF")


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


TEXTS = {
    "en": "The café – “cold town” – opens at nine; its owner’s résumé is long and the naïve guest pays €5 for a coffee.",
    "de": "Die Maschine muss regelmäßig entkalkt werden. Füllen Sie den Behälter und drücken Sie die Taste für die Spülung.",
    "pt": "A máquina deve ser limpa. Encha o depósito com água; as definições estão na secção de opções. Não é necessário.",
    "ru": "Машину необходимо регулярно очищать от накипи. Наполните резервуар водой и нажмите кнопку промывки.",
    "hu": "A gépet rendszeresen vízkőteleníteni kell. Töltse fel a tartályt vízzel, majd nyomja meg az öblítés gombot, és a szűrő.",
    "pl": "Urządzenie należy regularnie odkamieniać. Napełnij zbiornik wodą i naciśnij przycisk płukania.",
    "ja": "機械は定期的に除石灰する必要があります。タンクに水を入れてボタンを押してください。",
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("language", sorted(TEXTS))
def test_unicode_is_read_in_every_form(language, encoding):
    assert decode(TEXTS[language].encode(encoding)) == TEXTS[language]


@pytest.mark.parametrize(
    ("language", "encoding"), [("en", "cp1252"), ("de", "cp1252"), ("pt", "cp1252"), ("ru", "cp1251")]
)
def test_old_encoding_is_read_where_it_is_certain(language, encoding):
    assert decode(TEXTS[language].encode(encoding)) == TEXTS[language]


@pytest.mark.parametrize(
    ("language", "encoding"),
    [
        ("de", "cp850"),
        ("de", "mac_roman"),
        ("hu", "cp1250"),
        ("pl", "cp1250"),
        ("pl", "iso8859_2"),
        ("ja", "shift_jis"),
    ],
)
def test_encoding_that_is_not_certain_is_not_guessed(language, encoding):
    with pytest.raises(Unreadable, match=r"^not UTF-8: .* at byte \d+; save it as UTF-8$"):
        decode(TEXTS[language].encode(encoding))


def test_declared_encoding_is_believed_where_bytes_are_no_utf8():
    assert decode(TEXTS["pl"].encode("cp1250"), "windows-1250") == TEXTS["pl"]
    assert decode("“a”".encode("cp1252"), "ISO-8859-1") == "“a”"
    assert decode("é".encode(), "cp1250") == "é"
    with pytest.raises(Unreadable):
        decode(b"caf\xe9", "no-such-encoding")


def test_few_bytes_prove_nothing():
    with pytest.raises(Unreadable, match="not UTF-8"):
        decode(b"caf\xe9 au lait")


def test_broken_utf16_and_nul_bytes_are_refused():
    with pytest.raises(Unreadable, match="not UTF-16, as its first bytes say"):
        decode(b"\xff\xfea\0b")
    with pytest.raises(Unreadable, match="it holds NUL bytes"):
        decode(b"a\0b")


def test_line_ends_become_plain():
    assert decode(b"a\r\nb\rc\n") == "a\nb\nc\n"


def test_settings_and_limits_have_the_same_names_and_defaults():
    assert ReadingConfig().model_dump() == asdict(ReadingLimits())


def test_text_is_counted_in_characters():
    assert ReadingLimits(max_text_mb=3).max_chars == 3_000_000
