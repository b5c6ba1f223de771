from __future__ import annotations

import struct
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from embedtune.export.charsmap import character_map, pack


def lookup(table: bytes, text: str) -> tuple[int, str] | None:
    """Return the longest prefix in bytes that a table replaces, and by what, as llama.cpp walks it."""
    (size,) = struct.unpack_from("<I", table)
    units = struct.unpack_from(f"<{size // 4}I", table, 4)
    strings = table[4 + size :]

    def base(place):
        return (units[place] >> 10) << ((units[place] & (1 << 9)) >> 6)

    found, place = None, base(0)
    for length, byte in enumerate(text.encode(), start=1):
        place ^= byte
        if place >= len(units) or units[place] & ((1 << 31) | 0xFF) != byte:
            break
        is_leaf = units[place] >> 8 & 1
        place ^= base(place)
        if is_leaf:
            start = units[place] & ((1 << 31) - 1)
            found = length, strings[start : strings.index(b"\0", start)].decode()
    return found


WORDS = st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), min_size=1, max_size=4)


@given(st.dictionaries(WORDS, WORDS, max_size=40), st.lists(WORDS, max_size=20))
def test_a_table_finds_what_was_put_in_and_nothing_else(replacements, others):
    table = pack(replacements)
    for text, wanted in replacements.items():
        assert lookup(table, text) == (len(text.encode()), wanted)
    for text in others:
        prefixes = [text[:length] for length in range(len(text), 0, -1) if text[:length] in replacements]
        assert lookup(table, text) == ((len(prefixes[0].encode()), replacements[prefixes[0]]) if prefixes else None)


def test_a_normaliser_becomes_a_table_of_what_it_changes():
    found = character_map(lambda text: unicodedata.normalize("NFKC", text).replace("\n", " "))
    assert found["\n"] == " " and found["ﬁ"] == "fi" and found["e\u0301"] == "é"
    assert "a" not in found and "é" not in found
