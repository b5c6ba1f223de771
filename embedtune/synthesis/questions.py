"""Questions about a noun phrase: forms that read well around any of them, in thirteen languages.

A form that presumes something of the phrase, as "how does … work" does, makes nonsense of most. These presume nothing. Forms
with two phrases, such as "difference between … and …", were mostly nonsense to a reader: things in one sentence are seldom of
one kind.
"""

from __future__ import annotations

import random

import regex

from embedtune.text.words import token_spans

_MOST_WORDS = 7  # a longer text is a statement by itself
_MOST_CHARS = 60
_ELIDED = regex.compile(r"(?<=\b(?:d|qu))e \{\}")
_VOWEL = regex.compile(r"[aeiouyâàéèêëîïôûœ]", regex.I)

FORMS: dict[str, tuple[str, ...]] = {
    "english": (
        "what is {}", "what is meant by {}", "what is known about {}", "tell me about {}", "can you explain {}",
        "where can I read about {}", "what should I know about {}", "what about {}",
    ),
    "french": (
        "qu'est-ce que {}", "que signifie {}", "que sait-on de {}", "que dit-on de {}", "parlez-moi de {}", "où lire sur {}",
        "à quoi sert {}", "qu'en est-il de {}",
    ),
    "german": (
        "was ist {}", "was bedeutet {}", "was weiß man über {}", "was heißt {}", "was steht zu {}", "Informationen über {}",
        "wozu dient {}", "was ist mit {}",
    ),
    "spanish": (
        "qué es {}", "qué significa {}", "qué se sabe de {}", "información sobre {}", "qué pasa con {}", "para qué sirve {}",
    ),
    "italian": (
        "che cos'è {}", "che cosa significa {}", "che cosa si sa di {}", "informazioni su {}", "a che cosa serve {}",
    ),
    "portuguese": (
        "o que é {}", "o que significa {}", "o que se sabe sobre {}", "informações sobre {}", "para que serve {}",
    ),
    "dutch": (
        "wat is {}", "wat betekent {}", "wat weten we over {}", "informatie over {}", "waarvoor dient {}", "hoe zit het met {}",
    ),
    "japanese": (
        "{}とは何ですか", "{}の意味は", "{}について教えてください", "{}とは", "{}について知りたい", "{}の説明",
    ),
    "chinese": ("{}是什么", "什么是{}", "{}是什么意思", "介绍一下{}", "关于{}"),
    "korean": ("{} 뜻", "{} 설명", "{} 알려 주세요", "{} 무엇인가요", "{} 정보"),
    "thai": ("{} คืออะไร", "{} หมายถึงอะไร", "ข้อมูลเกี่ยวกับ {}", "อธิบาย {}"),
    "arabic": ("ما هو {}", "ما معنى {}", "ماذا نعرف عن {}", "معلومات عن {}"),
    "russian": ("что такое {}", "что значит {}", "{} это", "что известно: {}", "расскажите: {}"),
}  # fmt: skip
"""Language, as ``language_of`` names it → forms; a phrase of the passage takes the place of the braces."""

_QUESTION_MARKS = {"japanese": "？", "chinese": "？", "arabic": "؟", "thai": ""}


def ask(phrase: str, language: str, draw: random.Random) -> str:
    """Make a question of a phrase, half of the time with a question mark; what is longer stays as it is.

    Examples:
        >>> ask("bec", "french", random.Random(4))
        'que dit-on de bec?'
    """
    forms = FORMS.get(language, ())
    if not forms or len(phrase) > _MOST_CHARS or len(token_spans(phrase)) > _MOST_WORDS:
        return phrase
    mark = _QUESTION_MARKS.get(language, "?")
    form = draw.choice(forms)
    if language == "french" and _VOWEL.match(phrase):
        form = _ELIDED.sub("'{}", form)
    return form.format(phrase) + (mark if draw.random() < 0.5 else "")
