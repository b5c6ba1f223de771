"""Text as a reader may see it: characters that hide, turn round or overprint others are named, not obeyed."""

from __future__ import annotations

import regex

# Control characters but tab and newline, zero-width space, line and paragraph separators, directional embeddings, overrides and
# isolates, invisible operators, byte order mark, annotation marks, tags, lone surrogates and noncharacters. Joiners and the
# left-to-right and right-to-left marks stay: scripts need them, and inside an isolated element they turn nothing round.
_HIDDEN = regex.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
    r"\ud800-\udfff\p{noncharacter_code_point}]"
)
_PILED = regex.compile(r"(\p{M}{4})\p{M}+")  # no language puts more marks on one letter
_BLANK_LINES = regex.compile(r"\n\s*\n\s*\n")


def visible(text: str) -> str:
    r"""Return a text with each hidden character as its number, at most four marks on a letter and one blank line in a row.

    Examples:
        >>> visible("abc\u202ecba\x00")
        'abc‹U+202E›cba‹U+0000›'
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    named = _HIDDEN.sub(lambda match: f"‹U+{ord(match.group()):04X}›", lines)
    calm: str = _BLANK_LINES.sub("\n\n", _PILED.sub(r"\1", named))
    return calm


def cut(text: str, length: int) -> str:
    """Return a text of at most so many characters; an ellipsis stands for what is left out."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"
