"""Which words of a sentence are nouns and which are adjectives, in the languages that have a tagger.

HanTa (Wartena 2019) is a hidden Markov model over morphemes in pure Python. Its wheel brings English, German and Dutch, needs
nothing else, and tags 20,000 words a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, Literal

Part = Literal["noun", "plural", "adjective", "other"]
"""``plural`` nouns are told in English alone, where they end a phrase: "captures screen area" is none."""

_MODELS = {"english": "morphmodel_en.pgz", "german": "morphmodel_ger.pgz", "dutch": "morphmodel_dutch.pgz"}
_NOUNS = {  # tags of BNC's, STTS's and D-Coi's sets
    "english": ("NN", "NP"),
    "german": ("NN", "NE"),
    "dutch": ("N(", "SPEC(deeleigen)"),
}
_NO_NOUNS = ("NNI",)  # "beim Erlernen": an infinitive asks for more
_MOST_WORDS = 1 << 15
_ADJECTIVES = {"english": ("AJ",), "german": ("ADJ(A)",), "dutch": ("ADJ(prenom",)}


def has_tagger(language: str) -> bool:
    """Return whether parts of speech of a language, as ``language_of`` names it, are known."""
    return language in _MODELS


def parts_of_speech(words: Sequence[str], language: str) -> list[Part]:
    """Return the part of speech of each word of a sentence, marks among them; ``KeyError`` without ``has_tagger``."""
    tags: list[str] = _tagger(language).tag_sent(list(words), taglevel=0)
    return [_part(tag, language) for tag in tags]


def _part(tag: str, language: str) -> Part:
    if tag.startswith(_NOUNS[language]) and tag not in _NO_NOUNS:
        return "plural" if tag == "NN2" else "noun"
    return "adjective" if tag.startswith(_ADJECTIVES[language]) else "other"


@cache
def _tagger(language: str) -> Any:
    from HanTa.HanoverTagger import HanoverTagger

    tagger = HanoverTagger(_MODELS[language])
    # It takes a word that its model does not know apart anew wherever it stands: 40 % of the time of technical documents.
    tagger.analyze_forward = lru_cache(_MOST_WORDS)(tagger.analyze_forward)
    return tagger
