"""Questions about noun phrases: forms that read well around any of them, in thirteen languages.

A form that presumes something of the phrase, as "how does … work" does, makes nonsense of most. These presume nothing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from embedtune.text.words import token_spans

_MOST_WORDS = 7  # a longer text is a statement by itself
_MOST_CHARS = 60

FORMS: dict[str, tuple[str, ...]] = {
    "english": (
        "what is {}", "what is meant by {}", "what is known about {}", "tell me about {}", "can you explain {}",
        "where can I read about {}", "what should I know about {}", "what about {}", "why is {} important",
        "how are {} and {} related", "what is the relation between {} and {}", "difference between {} and {}",
        "what is known about {} and {}", "what is the effect of {} on {}", "what is said about {} and {}",
    ),
    "french": (
        "qu'est-ce que {}", "que signifie {}", "que sait-on de {}", "que dit-on de {}", "parlez-moi de {}", "où lire sur {}",
        "à quoi sert {}", "qu'en est-il de {}", "quel est le lien entre {} et {}", "différence entre {} et {}",
        "que sait-on de {} et {}", "comment {} et {} sont liés", "quel effet de {} sur {}",
    ),
    "german": (
        "was ist {}", "was bedeutet {}", "was weiß man über {}", "was heißt {}", "was steht zu {}", "Informationen über {}",
        "wozu dient {}", "was ist mit {}", "wie hängen {} und {} zusammen", "Unterschied zwischen {} und {}",
        "Zusammenhang zwischen {} und {}", "was weiß man über {} und {}", "Wirkung von {} auf {}",
    ),
    "spanish": (
        "qué es {}", "qué significa {}", "qué se sabe de {}", "información sobre {}", "qué pasa con {}", "para qué sirve {}",
        "qué relación hay entre {} y {}", "qué se sabe de {} y {}", "diferencia entre {} y {}", "efecto de {} sobre {}",
    ),
    "italian": (
        "che cos'è {}", "che cosa significa {}", "che cosa si sa di {}", "informazioni su {}", "a che cosa serve {}",
        "che rapporto c'è tra {} e {}", "che cosa si sa di {} e {}", "differenza tra {} e {}", "effetto di {} su {}",
    ),
    "portuguese": (
        "o que é {}", "o que significa {}", "o que se sabe sobre {}", "informações sobre {}", "para que serve {}",
        "qual é a relação entre {} e {}", "o que se sabe sobre {} e {}", "diferença entre {} e {}", "efeito de {} sobre {}",
    ),
    "dutch": (
        "wat is {}", "wat betekent {}", "wat weten we over {}", "informatie over {}", "waarvoor dient {}", "hoe zit het met {}",
        "wat is het verband tussen {} en {}", "wat weten we over {} en {}", "verschil tussen {} en {}",
    ),
    "japanese": (
        "{}とは何ですか", "{}の意味は", "{}について教えてください", "{}とは", "{}について知りたい", "{}の説明",
        "{}と{}の関係は", "{}と{}について教えてください", "{}と{}はどう関係していますか", "{}が{}に与える影響",
    ),
    "chinese": (
        "{}是什么", "什么是{}", "{}是什么意思", "介绍一下{}", "关于{}", "{}和{}有什么关系", "{}与{}的关系", "介绍一下{}和{}",
        "{}对{}有什么影响",
    ),
    "korean": (
        "{} 뜻", "{} 설명", "{} 알려 주세요", "{} 무엇인가요", "{} 정보", "{} {} 관계", "{} {} 차이", "{} {} 알려 주세요",
    ),
    "thai": (
        "{} คืออะไร", "{} หมายถึงอะไร", "ข้อมูลเกี่ยวกับ {}", "อธิบาย {}", "{} กับ {} เกี่ยวข้องกันอย่างไร", "ข้อมูลเกี่ยวกับ {} และ {}",
    ),
    "arabic": (
        "ما هو {}", "ما معنى {}", "ماذا نعرف عن {}", "معلومات عن {}", "ما العلاقة بين {} و {}", "معلومات عن {} و {}",
        "تأثير {} على {}",
    ),
    "russian": (
        "что такое {}", "что значит {}", "{} это", "что известно: {}", "расскажите: {}", "{} и {}: как связаны",
        "что известно: {} и {}", "связь: {} и {}",
    ),
}  # fmt: skip
"""Language, as ``language_of`` names it → forms; one or two phrases of the passage take the place of the braces."""

_QUESTION_MARKS = {"japanese": "？", "chinese": "？", "arabic": "؟", "thai": ""}


def ask(phrases: Sequence[str], language: str, draw: random.Random) -> str:
    """Make a question of one or two phrases, half of the time with a question mark; what is longer stays as it is.

    Examples:
        >>> ask(["bec", "buse"], "french", random.Random(4))
        'différence entre bec et buse?'
    """
    text = " ".join(phrases)
    forms = [form for form in FORMS.get(language, ()) if form.count("{}") == len(phrases)]
    if not forms or len(text) > _MOST_CHARS or len(token_spans(text)) > _MOST_WORDS:
        return text
    mark = _QUESTION_MARKS.get(language, "?")
    return draw.choice(forms).format(*phrases) + (mark if draw.random() < 0.5 else "")
