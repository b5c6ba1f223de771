"""Parts of compound words, as German, Dutch and the Nordic languages write them: Festplatte is found by Platte.

The words of the corpus are the dictionary, so that none has to be installed, and the parts of each trade are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import log
from typing import NamedTuple

LINKS = {
    "german": ("", "s", "es", "n", "en", "er", "e"),
    "dutch": ("", "s", "en", "e", "n"),
    "swedish": ("", "s", "e", "o"),
    "danish": ("", "s", "e"),
    "norwegian": ("", "s", "e"),
    "finnish": ("", "n"),
}
"""Language that writes compounds in one word → what may stand between two parts.

Hungarian does so too, but gained little by it; ``docs/log.md`` has the table.
"""

LEAST = 3  # letters of a part
_LONGEST = 60  # letters of a word that is looked at


class _Split(NamedTuple):
    """A way to take a text apart; the better one is greater."""

    order: int  # minus the number of parts
    logs: float  # sum of the logarithms of their counts
    parts: tuple[str, ...]


class Compounds:
    """Finds the parts of the words of one language by the words of a corpus.

    A word comes apart if its parts are words more frequent than itself, by the geometric mean of how many texts each is in; of
    all ways the one with the fewest parts, and of these the most frequent (Koehn and Knight 2003,
    https://aclanthology.org/E03-1076).
    """

    def __init__(self, language: str, counts: Mapping[str, int]) -> None:
        """Take one of ``LINKS``, and how many texts each folded word of ``LEAST`` letters or more is in."""
        self._links = LINKS[language]
        self._logs = {word: log(count) for word, count in counts.items()}

    def parts(self, word: str) -> list[str]:
        """Return the parts of a folded word, without what links them; none if it is no compound.

        Examples:
            >>> Compounds("german", {"sicherung": 9, "programm": 8, "sicherungsprogramm": 2}).parts("sicherungsprogramm")
            ['sicherung', 'programm']
        """
        if not 2 * LEAST <= len(word) <= _LONGEST or not word.isalpha():
            return []
        best: dict[int, _Split] = {}  # start of the rest of the word → how it comes apart
        for start in range(len(word) - LEAST, -1, -1):
            rest = word[start:]
            ways = [_Split(-1, self._logs[rest], (rest,))] if start and rest in self._logs else []
            ways = ways or [
                _Split(after.order - 1, self._logs[part] + after.logs, (part, *after.parts))
                for end, after in best.items()
                for part in self._before(word[start:end])
            ]
            if ways:
                best[start] = max(ways)
        whole = best.get(0)
        is_compound = whole and whole.logs >= self._logs.get(word, 0.0) * len(whole.parts)
        return list(whole.parts) if whole and is_compound else []

    def _before(self, text: str) -> Iterator[str]:
        """Yield the words that a text is, or is with a link behind them."""
        for link in self._links:
            if text.endswith(link) and (part := text.removesuffix(link)) in self._logs:
                yield part
