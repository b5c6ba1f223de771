"""Words of passages in 32 languages of 19 scripts find their passage, in any spelling."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import regex

from embedtune.retrieval.bm25 import BM25
from embedtune.text.language import language_of, stop_words_of

TEXTS: dict[str, list[str]] = json.loads((Path(__file__).parent / "languages.json").read_text(encoding="utf-8"))
LANGUAGES = sorted(TEXTS.keys() - {"licence"})
PASSAGES = {language: [text.replace("|", "") for text in TEXTS[language]] for language in LANGUAGES}
_WORD = regex.compile(r"[\p{L}\p{M}\u200c]{3,}")


PARTICLES = frozenset("やがとは")
"""Of Japanese, of which there is no list of stop words; one letter of kana is no term."""


def own_words(language: str) -> Iterator[tuple[str, int]]:
    """Yield the words that stand in one passage only, with its number; stop words, which are no terms, are left out."""
    passages = PASSAGES[language]
    stop_words = stop_words_of(language) | PARTICLES
    for number, text in enumerate(TEXTS[language]):
        words = text.split("|") if "|" in text else _WORD.findall(text)
        for word in words:
            searched = any(map(str.isalpha, word)) and word.lower() not in stop_words
            if searched and sum(word in passage for passage in passages) == 1:
                yield word, number


def share_found(index: BM25, cases: list[tuple[str, int]]) -> float:
    scores = index.scores([word for word, _ in cases])
    first = [row.argmax() == number and row[number] > 0 for row, (_, number) in zip(scores, cases, strict=True)]
    return sum(first) / len(first)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_word_finds_its_passage(language):
    cases = list(own_words(language))
    assert len(cases) >= 20
    assert share_found(BM25(PASSAGES[language]), cases) >= 0.95


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_language_of_a_passage_is_told(language):
    told = [language_of(passage) for passage in PASSAGES[language]]
    assert set(told) <= {language, None}
    assert told.count(None) <= 1  # a sentence of Portuguese may be Galician


def test_passages_of_all_languages_in_one_corpus_find_themselves():
    """One index with the stop words and stemmers of thirty languages."""
    passages = [(language, text) for language in LANGUAGES for text in PASSAGES[language]]
    index = BM25([text for _, text in passages])
    cases = []
    for language in LANGUAGES:
        first = passages.index((language, PASSAGES[language][0]))
        cases += [(word, first + number) for word, number in own_words(language) if is_unique(word, passages)]
    assert len(cases) > 1000
    assert share_found(index, cases) >= 0.95


def is_unique(word: str, passages: list[tuple[str, str]]) -> bool:
    return sum(word.casefold() in text.casefold() for _, text in passages) == 1
