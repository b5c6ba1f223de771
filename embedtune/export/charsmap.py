"""SentencePiece's table of characters for a tokenizer that has none: what its normaliser makes of each character.

The form is that of SentencePiece's ``precompiled_charsmap``: the bytes of a double-array trie (Aoe 1989, as Darts-clone packs
it), its length in front, and behind it the replacements, each ended by a zero byte. llama.cpp reads nothing else.
"""

from __future__ import annotations

import struct
import sys
import unicodedata
from collections import deque
from collections.abc import Callable, Iterator, Mapping

_VALUE, _LEAF = 1 << 31, 1 << 8


def character_map(normalise: Callable[[str], str]) -> dict[str, str]:
    """Return what becomes of each character that a normaliser changes, and of each pair that it composes."""
    changed = {}
    for text in _candidates():
        found = normalise(f"a{text}a")[1:-1]  # between letters, because blanks at the ends are often cut off
        if found != text:
            changed[text] = found
    return changed


def _candidates() -> Iterator[str]:
    for number in range(1, sys.maxunicode + 1):
        if 0xD800 <= number < 0xE000:  # halves of characters
            continue
        character = chr(number)
        yield character
        pair = unicodedata.decomposition(character)
        if pair and not pair.startswith("<") and " " in pair:
            yield "".join(chr(int(part, 16)) for part in pair.split())


def pack(replacements: Mapping[str, str]) -> bytes:
    """Return the table of some replacements."""
    strings = bytearray()
    values: dict[str, int] = {}
    for text in replacements.values():
        if text not in values:
            values[text] = len(strings)
            strings += text.encode() + b"\0"
    units = _double_array({key.encode(): values[text] for key, text in replacements.items()})
    packed = struct.pack(f"<{len(units)}I", *units)
    return struct.pack("<I", len(packed)) + packed + bytes(strings)


def _double_array(values: Mapping[bytes, int]) -> list[int]:
    """Return the units of a trie: a child by the byte c of the node with base b is at b ^ c, and names c."""
    children: dict[bytes, set[int]] = {b"": set()}
    for key in values:
        for length, byte in enumerate(key):
            children.setdefault(key[:length], set()).add(byte)
            children.setdefault(key[: length + 1], set())
    units, used, bases = {0: 0}, {0}, {0}
    waiting = deque([(0, b"")])
    first_free = 1
    while waiting:
        place, prefix = waiting.popleft()
        labels = [*([0] if prefix in values else []), *sorted(children[prefix])]
        if not labels:  # of an empty table
            break
        while first_free in used:
            first_free += 1
        base = _free_base(labels, first_free, used, bases)
        bases.add(base)
        units[place] |= (place ^ base) << 10
        for label in labels:
            child = base ^ label
            used.add(child)
            if label == 0:
                units[place] |= _LEAF
                units[child] = _VALUE | values[prefix]
            else:
                units[child] = label
                waiting.append((child, prefix + bytes([label])))
    return [units.get(place, 0) for place in range((max(used) | 0xFF) + 1)]  # a reader may look at any byte of a block


def _free_base(labels: list[int], first_free: int, used: set[int], bases: set[int]) -> int:
    place = first_free
    while True:
        base = place ^ labels[0]
        if base not in bases and not any(base ^ label in used for label in labels):
            return base
        place += 1
