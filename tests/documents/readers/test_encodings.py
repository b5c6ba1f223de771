from __future__ import annotations

import pytest

from embedtune.documents.readers.encodings import decode
from embedtune.documents.readers.unreadable import Unreadable

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
