from __future__ import annotations

from embedtune.documents.blocks import in_blocks


def test_blocks_are_bounded_in_number_and_length_and_hold_everything_in_order():
    texts = ["a", "bb", "ccc", "dddddddd", "e", "f", "g", "h"]
    blocks = list(in_blocks(texts, len, max_items=3, max_chars=6))
    assert blocks == [["a", "bb", "ccc"], ["dddddddd"], ["e", "f", "g"], ["h"]]
    assert list(in_blocks([], len, max_items=3, max_chars=6)) == []
