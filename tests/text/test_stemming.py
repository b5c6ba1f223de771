from __future__ import annotations

import pytest

from embedtune.text.folding import fold
from embedtune.text.stemming import stemmer


@pytest.mark.parametrize(
    ("language", "words", "stem"),
    [
        ("english", ["connection", "connected", "connecting"], "connect"),
        ("arabic", ["المدرسة", "مدرسة", "مدرسه", "والمدرسة", "بالمدرسة", "للمدرسة"], "مدرس"),
        ("arabic", ["الكتاب", "كتاب", "والكتاب", "كتابها"], "كتاب"),
        ("arabic", ["مسافرون", "المسافرين", "مسافر"], "مسافر"),
        ("german", ["Straße", "Strassen"], "strass"),
        ("thai", ["น้ำ"], "น้ำ"),
        ("", ["pumps"], "pumps"),
    ],
)
def test_forms_of_a_word_have_one_stem(language, words, stem):
    assert {stemmer(language)(fold(word)) for word in words} == {stem}


@pytest.mark.parametrize("word", ["ان", "وه", "ال", "لله"])
def test_two_letters_of_an_arabic_word_stay(word):
    assert len(stemmer("arabic")(word)) >= 2
