"""How much of a text a base can read: letters that its vocabulary does not know, and those that it knows as bytes alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from embedtune.models.encoder import Encoder
from embedtune.models.language_fit import MULTILINGUAL, language_warning
from embedtune.text.language import script_of
from embedtune.types import Passage

MAX_UNREAD = 0.02
"""Share of the letters of a corpus, unknown or in bytes, from which it is worth a warning."""

WIDEST = "intfloat/multilingual-e5-small"
"""A base whose vocabulary has a hundred languages, among them those of the scripts below."""

_RARE_SCRIPTS = frozenset(
    ("Lao", "Khmer", "Ethiopic", "Sinhala", "Tamil", "Telugu", "Kannada", "Malayalam", "Bengali", "Gurmukhi")
)
_TEXTS = 200  # that are looked at
_CHARS = 2000  # of each


class ScriptReading(NamedTuple):
    """How a base reads the letters of one script."""

    script: str  # Unicode's name; Japanese as Hiragana
    letters: int  # letters, marks and digits
    unknown: int  # of these, those within unknown pieces
    bytes: int  # of these, those that take several pieces


def readings(encoder: Encoder, texts: Sequence[str]) -> list[ScriptReading]:
    """Return how a base reads some of the texts, by script, the most frequent first; none without offsets."""
    tokenizer = encoder.model.tokenizer
    if not getattr(tokenizer, "is_fast", False):
        return []
    letters, unknown, in_bytes = Counter[str](), Counter[str](), Counter[str]()
    for text in texts[:: max(1, len(texts) // _TEXTS)]:
        shown = text[:_CHARS]
        letters.update(filter(str.isalnum, shown))
        encoding = tokenizer(
            shown, add_special_tokens=False, truncation=False, verbose=False, return_offsets_mapping=True
        )
        spans = Counter[tuple[int, int]]()
        for token, (start, end) in zip(encoding["input_ids"], encoding["offset_mapping"], strict=True):
            if token == tokenizer.unk_token_id:
                unknown.update(filter(str.isalnum, shown[start:end]))
            else:
                spans[start, end] += 1
        # The bytes of a character are pieces of their own, each for the whole of it.
        in_bytes.update(shown[start] for (start, end), count in spans.items() if count > 1 and end - start == 1)
    return _by_script(letters, unknown, in_bytes)


def _by_script(letters: Counter[str], unknown: Counter[str], in_bytes: Counter[str]) -> list[ScriptReading]:
    scripts = {letter: script_of(letter) or "other" for letter in letters}
    counts = Counter[str]()
    for letter, count in letters.items():
        counts[scripts[letter]] += count

    def of(script: str, found: Counter[str]) -> int:
        return sum(count for letter, count in found.items() if scripts.get(letter) == script)

    return [ScriptReading(name, count, of(name, unknown), of(name, in_bytes)) for name, count in counts.most_common()]


def unread_share(found: Iterable[ScriptReading]) -> float:
    """Return the share of all letters that are unknown or in bytes."""
    found = list(found)
    return sum(each.unknown + each.bytes for each in found) / max(1, sum(each.letters for each in found))


def describe(found: Iterable[ScriptReading]) -> str:
    """Return in words what is not read, by script; empty where all is."""
    parts = []
    for each in found:
        shares = [(each.unknown, "unknown"), (each.bytes, "in single bytes")]
        told = " and ".join(f"{count / each.letters:.0%} {how}" for count, how in shares if count)
        parts += [f"{each.script} {told}"] if told else []
    return ", ".join(parts)


def wider_base(found: Iterable[ScriptReading]) -> str:
    """Return the name of a base that reads what this one does not."""
    unread = {each.script for each in found if each.unknown + each.bytes > MAX_UNREAD * each.letters}
    return WIDEST if unread & _RARE_SCRIPTS else MULTILINGUAL


def base_warnings(name: str, folder: Path, encoder: Encoder, language: str, passages: Sequence[Passage]) -> list[str]:
    """Return what a base does not know of a corpus: its language, some of its letters; see ``language_warning``."""
    texts = [passage.text for passage in passages]
    warnings = (language_warning(name, folder, encoder, language, texts), reading_warning(name, encoder, texts))
    return [warning for warning in warnings if warning]


def reading_warning(name: str, encoder: Encoder, texts: Sequence[str]) -> str | None:
    """Warn where a base cannot read a part of the texts; None where it reads them."""
    found = readings(encoder, texts)
    if unread_share(found) < MAX_UNREAD:
        return None
    return (
        f"{name} cannot read {unread_share(found):.0%} of the letters of the documents ({describe(found)}): its vectors know "
        f"nothing of them, and counts of tokens are too small. Choose a base that reads them with --model, such as "
        f"{wider_base(found)}."
    )
