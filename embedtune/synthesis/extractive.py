"""Queries without a language model: heading, spans, key phrases and sentences of a passage.

Four kinds, each tagged: ``heading`` (the heading or title above a passage), ``span`` (a few salient words in a row),
``keyphrase`` (terms that set the passage apart) and ``sentence``. Half of the spans and sentences lose their stop words,
because people type key words as often as sentences, and a share of all but the sentences becomes a question. The random
generator is seeded by the passage, so that its queries do not depend on other passages.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from itertools import chain
from typing import NamedTuple

import regex

from embedtune.synthesis.statistics import CorpusStatistics, mean
from embedtune.text.analyzer import lexical_terms
from embedtune.text.sentences import WIDE_MARKS, sentences_of
from embedtune.text.words import count_words, has_words_without_blanks, token_spans
from embedtune.types import PATH_SEPARATOR, SYNTHETIC_KINDS, Passage

KINDS = SYNTHETIC_KINDS

_SPAN_WORDS = (5, 16)
_SENTENCE_WORDS = (6, 30)
_SPAN_DRAWS = 16
_LETTERS = 0.6  # of the characters that are not white space
_LEAST_WORDS = 2
_WORDS_PER_DRAW = 150
_PHRASE_TERMS = (2, 5)
_MARKS_INSIDE = re.compile(rf"[{WIDE_MARKS}]")
_PARTICLE = regex.compile(r"[\p{Hiragana}ー]+")  # of Japanese, whose words of hiragana alone are particles and endings


class Draft(NamedTuple):
    """A query not yet filtered."""

    text: str
    kind: str
    passage_id: str


def draft_queries(
    passages: Sequence[Passage],
    *,
    kinds: Sequence[str],
    per_kind: int,
    statistics: CorpusStatistics,
    seed: int,
    question_share: float = 0.0,
) -> list[Draft]:
    """Draft up to ``per_kind`` queries of each of some ``KINDS`` for each 150 words of a passage; a heading gives one.

    A share of all but the sentences, 0 to 1, becomes questions if the language of the corpus has ``FORMS``.
    """
    drafts = []
    for passage in passages:
        draw = random.Random(f"{seed}:{passage.passage_id}")  # noqa: S311 (reproducible on purpose)
        count = per_kind * max(1, round(count_words(passage.text) / _WORDS_PER_DRAW))
        language = statistics.language_of(passage.text)
        for kind in KINDS:
            if kind in kinds:
                texts = _MAKERS[kind](passage, count, statistics, draw)
                if kind != "sentence":
                    texts = [_as_question(text, language, question_share, seed) for text in texts]
                drafts += [Draft(text, kind, passage.passage_id) for text in texts]
    return drafts


def _as_question(text: str, language: str, share: float, seed: int) -> str:
    """Make a question of a share of the texts, with a generator for each text, so that texts are independent."""
    draw = random.Random(f"{seed}:{text}")  # noqa: S311 (reproducible on purpose)
    return ask(text, language, draw) if draw.random() < share else text


def _headings(passage: Passage, count: int, statistics: CorpusStatistics, draw: random.Random) -> list[str]:
    """Return the innermost heading, with the one above it when it says little alone."""
    path = [heading for heading in passage.title.split(PATH_SEPARATOR) if heading]
    if not path:
        return []
    short = len(statistics.content_terms(path[-1])) < 2
    return [" ".join(path[-2:]) if short else path[-1]]


def _spans(passage: Passage, count: int, statistics: CorpusStatistics, draw: random.Random) -> list[str]:
    """Return the most salient of some random runs of words."""
    words = token_spans(passage.text)
    if not words:
        return []
    idf_by_word = [[statistics.idf(term) for term in lexical_terms(passage.text[start:end])] for start, end in words]
    salience: dict[str, float] = {}
    for _ in range(_SPAN_DRAWS * count):
        length = draw.randint(*_SPAN_WORDS)
        start = draw.randrange(max(1, len(words) - length + 1))
        end = min(start + length, len(words))
        text = _wordy(_phrase(passage.text[words[start][0] : words[end - 1][1]]))
        if text and text not in salience:  # no term goes over a blank, so the terms of a run are those of its words
            salience[text] = mean(list(chain.from_iterable(idf_by_word[start:end])))
    best = sorted(salience, key=lambda text: (-salience[text], text))
    return [_thin(text, statistics, draw) for text in _apart(best, count)]


def _phrase(text: str) -> str:
    """Return of words without blanks the longest part between marks, without particles at its ends; other words as they are."""
    if not has_words_without_blanks(text):
        return text
    part = max(_MARKS_INSIDE.split(text), key=len).strip()
    words = [part[start:end] for start, end in token_spans(part)]
    while words and _PARTICLE.fullmatch(words[0]):
        part = part[len(words.pop(0)) :].lstrip()
    while words and _PARTICLE.fullmatch(words[-1]):
        part = part[: -len(words.pop())].rstrip()
    return part if len(words) >= _LEAST_WORDS else ""


def is_language(text: str) -> bool:
    """Return whether most characters of a text, without white space, are letters: numbers and symbols are no query."""
    return sum(map(str.isalpha, text)) >= _LETTERS * sum(map(len, text.split())) > 0


def _wordy(text: str) -> str:
    """Return words as they are, of table cells only those with letters, and nothing where that is too little."""
    if is_language(text):
        return text
    words = [word for word in text.split() if any(map(str.isalpha, word))]
    kept = " ".join(words)
    return kept if len(words) >= _LEAST_WORDS and is_language(kept) else ""


def _sentences(passage: Passage, count: int, statistics: CorpusStatistics, draw: random.Random) -> list[str]:
    """Return sentences of ordinary length, the more salient half preferred."""
    sentences = [" ".join(sentence.split()) for sentence in sentences_of(passage.text)]
    usable = [
        text
        for text in sentences
        if _SENTENCE_WORDS[0] <= count_words(text) <= _SENTENCE_WORDS[1] and is_language(text)
    ]
    usable.sort(key=lambda text: (-statistics.salience(text), text))
    pool = usable[: max(count, len(usable) // 2)]
    return [_thin(text, statistics, draw) for text in draw.sample(pool, min(count, len(pool)))]


def _keyphrases(passage: Passage, count: int, statistics: CorpusStatistics, draw: random.Random) -> list[str]:
    """Return groups of distinctive terms, each of one sentence, in the order of the text.

    Of one sentence, because a search is about one thing, and so that the sentence can be removed.
    """
    pools = []
    for sentence in sentences_of(passage.text):
        words = dict.fromkeys(statistics.content_words(sentence))
        pools.append([word for word in words if len(word) > 1 and not word.isdigit() and not _PARTICLE.fullmatch(word)])
    pools = [pool for pool in pools if len(pool) >= _PHRASE_TERMS[0]]
    phrases = []
    for pool in draw.sample(pools, min(count, len(pools))):
        size = min(draw.randint(*_PHRASE_TERMS), len(pool))
        best = sorted(pool, key=lambda word: (-statistics.salience(word), word))[: 2 * size]
        chosen = set(draw.sample(best, size))
        phrases.append(" ".join(term for term in pool if term in chosen))
    return phrases


def _thin(text: str, statistics: CorpusStatistics, draw: random.Random) -> str:
    """Normalise white space; in half of the cases drop the stop words, and with them what stood without blanks comes apart."""
    if draw.random() < 0.5:
        words = [text[start:end].strip(WIDE_MARKS) for start, end in token_spans(text)]
        kept = [word for word in words if not _is_function_word(word, statistics)]
        text = " ".join(kept) if kept and len(kept) < len(words) else text
    return " ".join(text.split()).strip(" ,;:.")


def _is_function_word(word: str, statistics: CorpusStatistics) -> bool:
    return statistics.stop_words.issuperset(lexical_terms(word)) or _PARTICLE.fullmatch(word) is not None


def _apart(texts: Sequence[str], count: int) -> list[str]:
    """Keep the first texts that share less than half of their words with each kept before."""
    kept: dict[str, set[str]] = {}
    for text in texts:
        words = {text[start:end] for start, end in token_spans(text)}
        if all(2 * len(words & others) < len(words) for others in kept.values()):
            kept[text] = words
        if len(kept) == count:
            break
    return list(kept)


_MAKERS: dict[str, Callable[[Passage, int, CorpusStatistics, random.Random], list[str]]] = {
    "heading": _headings,
    "span": _spans,
    "keyphrase": _keyphrases,
    "sentence": _sentences,
}


FORMS: dict[str, tuple[str, ...]] = {
    "english": (
        "what is {}", "what are {}", "what was the {}", "how is {} determined", "how does {} work", "what does {} mean",
        "how much is {}", "how many {} are there", "why {}", "when is {}", "where is {}", "which {}", "who {}",
        "what is the effect of {}", "what is known about {}", "is there {}", "how can I use {}", "can you explain {}",
    ),
    "french": (
        "qu'est-ce que {}", "quels sont {}", "quel est {}", "comment fonctionne {}", "comment se calcule {}",
        "que signifie {}", "combien de {}", "pourquoi {}", "quand {}", "où se trouve {}", "qui {}", "quelle {}",
        "quel est l'effet de {}", "que sait-on de {}", "y a-t-il {}", "comment utiliser {}",
    ),
    "german": (
        "was ist {}", "was sind {}", "was war {}", "wie wird {} bestimmt", "wie funktioniert {}", "was bedeutet {}",
        "wie viel {}", "wie viele {} gibt es", "warum {}", "wann {}", "wo ist {}", "welche {}", "wer {}",
        "welche Wirkung hat {}", "was weiß man über {}", "gibt es {}", "wie benutze ich {}",
    ),
    "spanish": (
        "qué es {}", "cuáles son {}", "cuál es {}", "cómo funciona {}", "cómo se determina {}", "qué significa {}",
        "cuánto es {}", "cuántos {} hay", "por qué {}", "cuándo {}", "dónde está {}", "quién {}", "cuál es el efecto de {}",
    ),
    "italian": (
        "che cos'è {}", "quali sono {}", "qual è {}", "come funziona {}", "come si determina {}", "che cosa significa {}",
        "quanto è {}", "quanti {} ci sono", "perché {}", "quando {}", "dove si trova {}", "chi {}", "qual è l'effetto di {}",
    ),
    "portuguese": (
        "o que é {}", "quais são {}", "qual é {}", "como funciona {}", "como se determina {}", "o que significa {}",
        "quanto é {}", "quantos {} existem", "por que {}", "quando {}", "onde está {}", "quem {}", "qual é o efeito de {}",
    ),
    "dutch": (
        "wat is {}", "wat zijn {}", "wat was {}", "hoe werkt {}", "hoe wordt {} bepaald", "wat betekent {}",
        "hoeveel {}", "waarom {}", "wanneer {}", "waar is {}", "welke {}", "wie {}", "wat is het effect van {}",
    ),
    "japanese": (
        "{}とは何ですか", "{}は何ですか", "{}の意味は", "{}はどのように決まりますか", "{}の仕組みは", "{}はいくつありますか",
        "{}はいつですか", "{}はどこにありますか", "なぜ{}", "{}の効果は", "{}について教えてください", "どの{}", "{}は誰ですか",
    ),
    "chinese": (
        "{}是什么", "什么是{}", "{}有哪些", "{}的作用是什么", "{}怎么用", "如何{}", "为什么{}", "{}多少", "{}什么时候",
        "{}在哪里", "哪些{}", "{}是谁", "{}有什么影响", "介绍一下{}",
    ),
    "korean": (
        "{} 뜻", "{} 무엇인가요", "{} 어떻게 하나요", "{} 방법", "{} 언제", "{} 어디에 있나요", "{} 누구인가요",
        "{} 얼마인가요", "왜 {}", "{} 효과", "{} 알려 주세요", "어떤 {}",
    ),
    "thai": (
        "{} คืออะไร", "{} หมายถึงอะไร", "{} ทำอย่างไร", "{} ใช้อย่างไร", "{} มีกี่แบบ", "{} เท่าไร", "{} เมื่อไร", "{} อยู่ที่ไหน",
        "ทำไม {}", "ใครคือ {}", "{} มีผลอย่างไร", "ข้อมูลเกี่ยวกับ {}",
    ),
    "arabic": (
        "ما هو {}", "ما هي {}", "ما معنى {}", "كيف يعمل {}", "كيف {}", "كم {}", "لماذا {}", "متى {}", "أين {}", "من هو {}",
        "ما تأثير {}", "ماذا نعرف عن {}", "هل هناك {}",
    ),
    "russian": (
        "что такое {}", "что значит {}", "как работает {}", "как определяется {}", "сколько {}", "почему {}", "когда {}",
        "где находится {}", "какие {}", "кто {}", "как влияет {}", "что известно про {}", "есть ли {}",
    ),
}  # fmt: skip
"""Language, as ``language_of`` names it → forms; the words of the passage take the place of the braces."""

_QUESTION_MARKS = {"japanese": "？", "chinese": "？", "arabic": "؟", "thai": ""}

_MOST_WORDS = 10  # a longer text is a statement by itself
_MOST_CHARS = 80


def ask(text: str, language: str, draw: random.Random) -> str:
    """Make a question, half of the time with a question mark, of some words of a passage; a long text stays as it is."""
    forms = FORMS.get(language)
    if not forms or len(text) > _MOST_CHARS or len(token_spans(text)) > _MOST_WORDS:
        return text
    mark = _QUESTION_MARKS.get(language, "?")
    return draw.choice(forms).format(text) + (mark if draw.random() < 0.5 else "")
