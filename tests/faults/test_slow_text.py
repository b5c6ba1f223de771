"""Texts that look short and take for ever: twice as long may take twice as long, and no more."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from embedtune.documents.headings import find_sections
from embedtune.documents.readers.files import ReadingLimits
from embedtune.documents.readers.restructured_text import read_restructured_text
from embedtune.documents.text_builder import clean
from embedtune.synthesis.llm.injection import speaks_to_model
from embedtune.synthesis.llm.replies import read_grades, read_queries
from embedtune.text.sentences import ends_sentence, sentences_of

READ: dict[str, Callable[[str], object]] = {
    "headings": find_sections,
    "sentences": sentences_of,
    "end-of-sentence": partial(ends_sentence, starts_line=True),
    "clean": clean,
    "injection": speaks_to_model,
    "queries": partial(read_queries, finish="stop", n=3),
    "grades": partial(read_grades, finish="stop", n=3, most=3),
}
PIECES = ("word" + " " * 100, "# a" + " " * 100, "<think>", "1. ", "*", "[", "{", '{"a":', "```", "\n", "a\n===\n", "。", "a.",
          "aaaaaaaaaaaaaaaaaaaaaaaa", "i g n o r e ", '"a query", ')  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_four_times_the_text_takes_four_times_as_long(name: str) -> None:
    read = READ[name]
    slow = []
    for piece in PIECES:
        for before, behind in (("", ""), ("a", "a"), ('{"queries": [', "x]}")):
            first, last = (_seconds(read, before + piece * (size // len(piece)) + behind) for size in (25_000, 100_000))
            if last > max(0.3, 2.6 * 4 * first):
                slow.append(f"{before!r} + {piece[:9]!r} × n + {behind!r}: {first:.2f} s, {last:.2f} s")
    assert not slow


def _seconds(read: Callable[[str], object], text: str) -> float:
    started = time.process_time()
    read(text)
    return time.process_time() - started


@pytest.mark.parametrize("piece", ["*a ", "**a ", ":a ", "`a ", "|a ", "a_ ", "[1]_ ", ":a:`b ", "_`a ", "http://a "])
def test_restructured_text_full_of_marks_is_read(piece: str, tmp_path: Path) -> None:
    path = tmp_path / "marks.rst"
    path.write_text(f"Before.\n\n{piece * 20_000}\n\nA *word* behind.\n", encoding="utf-8")
    started = time.process_time()
    text = read_restructured_text(path, "marks.rst", ReadingLimits()).text
    assert time.process_time() - started < 5
    assert text.endswith("A word behind.")
    assert piece.strip() in text
