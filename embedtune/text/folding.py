"""One spelling for all spellings of a word: case, compatibility forms, invisible characters, marks and digits.

That is Unicode's NFKC_Casefold (https://www.unicode.org/reports/tr31/) and, script by script, what Lucene's analysers fold:
marks of Arabic, Hebrew and Greek, letters of Arabic and Persian, dots and nasals of Devanagari. Marks of Latin letters stay,
because they tell words apart. Built on Python's ``unicodedata``: icu4py has no normaliser.
"""

from __future__ import annotations

from unicodedata import normalize

import regex

_IGNORED = regex.compile(r"[\p{Cf}\p{Default_Ignorable_Code_Point}\u0640]+")  # the last one stretches Arabic words
_RAISED = regex.compile(r"(?<=\p{Nd})(?=[¼-¾⅐-⅞²³¹⁰⁴-⁹])")  # 10½ and 10⁶ are two numbers
_DIGIT = regex.compile(r"(?![0-9])\p{Nd}")
_APOSTROPHES = dict.fromkeys(map(ord, "ʼʻʹʽ"), "'")  # letters by Unicode, typed as '
_DOTTED = "i\u0307"  # what İ becomes in lower case
_TURKISH = str.maketrans({"I": "ı", "İ": "i"})

_MARKS = regex.compile(r"(?<=[\p{Greek}\p{Hebrew}\p{Arabic}])\p{Mn}+|(?<=\p{Cyrillic})[\u0300\u0301]")
_NASAL = regex.compile(r"[ङञणनम]\u094d(?=[क-म])")  # before a consonant it is written as a dot too
_THAI_AM, _LAO_AM = regex.compile("\u0e4d([\u0e48-\u0e4b]?)\u0e32"), regex.compile("\u0ecd([\u0ec8-\u0ecb]?)\u0eb2")
_LETTERS = str.maketrans({
    "ё": "е", "ș": "ş", "ț": "ţ",
    "ך": "כ", "ם": "מ", "ן": "נ", "ף": "פ", "ץ": "צ",  # final forms
    "ٱ": "ا", "ى": "ي", "ی": "ي", "ے": "ي", "ې": "ي", "ة": "ه", "ہ": "ه", "ھ": "ه", "ە": "ه", "ک": "ك", "ڪ": "ك",
    "\u0901": "\u0902", "\u093c": None,  # candrabindu and nukta
})  # fmt: skip


def fold(text: str, *, turkish: bool = False) -> str:
    """Return a text in the one spelling of its words; Turkish has its own lower case of I.

    Examples:
        >>> fold("ﬁnal Ｅ４２ ΛΌΓΟΣ أَحْمَد co\u00adop")
        'final e42 λογοσ احمد coop'
    """
    if turkish:
        text = text.translate(_TURKISH)
    if text.isascii():
        return text.lower()
    text = normalize("NFKC", _IGNORED.sub("", _RAISED.sub(" ", text)))
    text = normalize("NFKC", text.casefold()).translate(_APOSTROPHES).replace(_DOTTED, "i")
    return _fold_scripts(_DIGIT.sub(lambda digit: str(int(digit[0])), text))


def tidy(text: str) -> str:
    """Return a text as people type it, in lower case: no ligatures and no invisible characters, marks and letters as they are.

    Examples:
        >>> tidy("ﬁnal Ｅ４２ Λόγος co­op")
        'final e42 λόγος coop'
    """
    return text.lower() if text.isascii() else normalize("NFKC", _IGNORED.sub("", text)).lower().replace(_DOTTED, "i")


def join_dotless(term: str) -> str:
    """Write the dotless ı of Turkish as i: capital letters do not tell them apart. Stemmers do, so it comes last."""
    return term.replace("ı", "i")


def _fold_scripts(text: str) -> str:
    """Fold what is particular to a script, and put together what NFKC has taken apart."""
    text = normalize("NFC", _MARKS.sub("", normalize("NFD", text))).translate(_LETTERS)
    text = _NASAL.sub("\u0902", text)
    folded: str = _LAO_AM.sub("\\1\u0eb3", _THAI_AM.sub("\\1\u0e33", text))
    return folded
