"""Which language and script a text is in, by stop words: enough to ask for it and to notice another."""

from __future__ import annotations

from collections import Counter
from functools import cache

import regex

from embedtune.text.analyzer import lexical_terms

_SCRIPTS = ("Latin", "Cyrillic", "Greek", "Arabic", "Hebrew", "Devanagari", "Thai", "Hangul", "Han", "Hiragana")
_SCRIPT = {script: regex.compile(rf"\p{{{script}}}") for script in _SCRIPTS}
_LISTS = {
    "English": "the of and to in is that for it with as was on are by this be at from or which have not you",
    "German": "der die und das ist von den mit zu sich des auf für dem nicht ein eine als auch wird wie bei zum im sind",
    "French": "le la les des est une dans que pour qui sur pas par plus avec sont vous aux cette être du et au",
    "Spanish": "el los las una que por con para como del está más pero sus este son hay muy cuando también y en",
    "Italian": "il di che è per una sono con non del della più anche alla nel gli dei questa come si le",
    "Portuguese": "o os uma que para com não por mais como dos das ao foi são pela também seu está em",
    "Dutch": "de het een van en dat is op te zijn voor met niet aan er om ook als bij naar worden",
    "Russian": "и в не на что с по это как из для он к от у за но его все так же",
}
_LEAST = 0.12  # of all words; running text has two to three times that
_LEAST_WORDS = 6


def script_of(text: str) -> str | None:
    """Return the script that most letters are in, Japanese as ``Hiragana``; None without letters."""
    counts = Counter({script: len(pattern.findall(text)) for script, pattern in _SCRIPT.items()})
    if counts["Hiragana"]:
        return "Hiragana"
    script, count = counts.most_common(1)[0]
    return script if count else None


def language_of(text: str) -> str | None:
    """Return the English name of a text's language, or None where its words do not tell.

    Examples:
        >>> language_of("Füllen Sie den Tank mit kaltem Wasser, wenn die Lampe nicht blinkt, und warten Sie auf das Signal.")
        'German'
    """
    by_script = {
        "Hiragana": "Japanese",
        "Han": "Chinese",
        "Hangul": "Korean",
        "Greek": "Greek",
        "Thai": "Thai",
        "Hebrew": "Hebrew",
    }
    if (script := script_of(text)) in by_script:
        return by_script[script or ""]
    terms = lexical_terms(text)
    if len(terms) < _LEAST_WORDS:
        return None
    shares = {name: sum(term in words for term in terms) / len(terms) for name, words in _words().items()}
    best, second = sorted(shares, key=lambda name: -shares[name])[:2]
    return best if shares[best] >= _LEAST and shares[best] > 1.2 * shares[second] else None


def same_language(query: str, passage: str) -> bool:
    """Tell whether a query may be in its passage's language: same script, and no other language that both clearly are in."""
    if script_of(query) != script_of(passage) and None not in (script_of(query), script_of(passage)):
        # Chinese and Japanese share characters; Latin names stand in texts of every script.
        return {script_of(query), script_of(passage)} == {"Han", "Hiragana"}
    found, wanted = language_of(query), language_of(passage)
    return found is None or wanted is None or found == wanted


@cache
def _words() -> dict[str, frozenset[str]]:
    return {name: frozenset(words.split()) for name, words in _LISTS.items()}
