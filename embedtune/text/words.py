"""Words as a reader sees them, also in scripts that put no blanks between them: Unicode's rules with ICU's dictionaries.

UAX #29 (https://www.unicode.org/reports/tr29/) says where words end; Thai, Lao, Khmer, Burmese, Chinese and Japanese need a
dictionary for that. icu4py is a kept binding to ICU with wheels for all systems; PyICU has none, uniseg has no dictionaries.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, pairwise

import regex

_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}ー々〆ﾞﾟｰ]+"
_COMPLEX = r"[\p{Line_Break=Complex_Context}]+"
RUN = regex.compile(rf"({_UNSPACED})|({_COMPLEX})|((?:(?!{_UNSPACED}|{_COMPLEX})[\p{{L}}\p{{M}}\p{{N}}\p{{Cf}}_])+)")
"""Characters in a row of Chinese or Japanese; of Thai, Lao, Khmer, Burmese and the like; of all scripts that have blanks."""

NUMBER = r"\b\d+(?:[.,]\d+)+\b"
"""A number with separators, as a regular expression."""

WITHOUT_BLANKS = regex.compile(rf"{_UNSPACED}|{_COMPLEX}")
"""Characters in a row of a script that puts no blanks between words."""

# A line may end within a word of such a script. The line break comes first, because a search for it is fast.
_WITHOUT = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Line_Break=Complex_Context}\u3000-\u303fー！-｠"
_WRAPPED = regex.compile(rf"\n(?<=[{_WITHOUT}]\n)[ \t]*(?=[{_WITHOUT}])")
_BETWEEN_BLANKS = regex.compile(r"\S+")


# Words of hiragana alone that are words: what else of hiragana follows a Chinese character is the end of its word.
_HIRAGANA = regex.compile(r"[\p{Hiragana}ー]+")
_ENDS_HAN = regex.compile(r"\p{Han}$")
_FUNCTION_WORDS = frozenset(
    str.split(
        "は が を に で と も の へ や か から まで より など ので のに という ます です ました でした ません た て だ ない "
        "する した して される された こと もの ため よう ある いる なる この その これ それ"
    )
)


def dictionary_words(run: str) -> list[str]:
    """Return the words of some characters in a row that have no blanks.

    Examples:
        >>> dictionary_words("ให้ยืมแผนที่")
        ['ให้', 'ยืม', 'แผนที่']
    """
    from icu4py.breakers import WordBreaker

    words: list[str] = []
    for word in WordBreaker(run, "en"):  # not its segments(): those count in UTF-16
        if words and _HIRAGANA.fullmatch(word) and word not in _FUNCTION_WORDS and _ENDS_HAN.search(words[-1]):
            words[-1] += word
        else:
            words.append(word)
    return words


def unwrap(text: str) -> str:
    r"""Take out line breaks between two characters of scripts that put no blanks between words; elsewhere they are blanks.

    Examples:
        >>> unwrap("地図を貸し出\nします。 a\nb")
        '地図を貸し出します。 a\nb'
    """
    return text if text.isascii() else _WRAPPED.sub("", text)


def join_lines(*lines: str) -> str:
    """Return lines as one: blanks part them, unless their script puts none between words."""
    joined = list(lines[:1])
    for first, second in pairwise(lines):
        edge = f"{first[-1:]}\n{second[:1]}"
        joined.append(second if unwrap(edge) != edge else f" {second}")
    return "".join(joined)


def runs_of(text: str) -> Iterator[tuple[int, str, bool]]:
    """Yield the start of each row of word characters, the row, and whether its script has blanks between words."""
    for match in RUN.finditer(text):
        yield match.start(), match[0], match[3] is not None


def word_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each word of a text starts and ends; punctuation and blanks are in none.

    Examples:
        >>> text = "タンクを洗う, please"
        >>> [text[start:end] for start, end in word_spans(text)]
        ['タンク', 'を', '洗う', 'please']
    """
    for first, run, has_blanks in runs_of(text):
        words = [run] if has_blanks else dictionary_words(run)
        yield from pairwise(accumulate(map(len, words), initial=first))


def has_words_without_blanks(text: str) -> bool:
    """Return whether some of a text is in a script that puts no blanks between words."""
    return not text.isascii() and WITHOUT_BLANKS.search(text) is not None


def token_spans(text: str) -> list[tuple[int, int]]:
    """Return the spans between blanks; where a script has none, each word with the marks that follow it.

    Examples:
        >>> text = "タンクを洗う。 Wait, please"
        >>> [text[start:end] for start, end in token_spans(text)]
        ['タンク', 'を', '洗う。', 'Wait,', 'please']
    """
    spans: list[tuple[int, int]] = []
    for match in _BETWEEN_BLANKS.finditer(text):
        starts = [match.start()]
        if has_words_without_blanks(match[0]):
            starts += [match.start() + start for start, _ in word_spans(match[0])][1:]
        spans += zip(starts, [*starts[1:], match.end()], strict=True)
    return spans


def count_words(text: str) -> int:
    """Return the number of words of a text."""
    return sum(1 for _ in word_spans(text))
