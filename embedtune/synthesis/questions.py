"""The form of a question around words of a passage: people ask, and passages seldom do.

What tunes on bare phrases alone learns nothing about "what is the" in front of them, and may spoil it. Forms are kept by
language; a text in a language without forms stays as it is.
"""

from __future__ import annotations

import random

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
}  # fmt: skip
"""Language, as ``find_language`` names it → forms; the words of the passage take the place of the braces."""

_MOST_WORDS = 10  # longer text is a statement by itself
_MOST_CHARS = 80


def ask(text: str, language: str, draw: random.Random) -> str:
    """Put a text into the form of a question, half of the time with its mark; one that is too long stays as it is.

    Args:
        text: Some words of a passage.
        language: As ``find_language`` names it.
        draw: Of the form.
    """
    forms = FORMS.get(language)
    if not forms or len(text) > _MOST_CHARS or len(text.split()) > _MOST_WORDS:
        return text
    mark = "？" if language == "japanese" else "?"
    return draw.choice(forms).format(text) + (mark if draw.random() < 0.5 else "")
