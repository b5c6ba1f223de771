"""Which language a text is in, and which languages a corpus is in: by script where that tells, else by py3langid.

py3langid (a kept fork of langid.py, Lui and Baldwin 2012) knows 140 languages, needs numpy alone and takes under a millisecond
for a passage. lingua is as certain on short texts, but twenty times as large.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

import regex

from embedtune.quiet import quiet_libraries

LANGUAGE_CODES = {
    "amharic": {"am", "amh"}, "arabic": {"ar", "ara"}, "armenian": {"hy", "hye"}, "basque": {"eu", "eus"},
    "bengali": {"bn", "ben"}, "bulgarian": {"bg", "bul"}, "burmese": {"my", "mya"}, "catalan": {"ca", "cat"},
    "chinese": {"zh", "zho"}, "croatian": {"hr", "hrv"}, "czech": {"cs", "ces"}, "danish": {"da", "dan"},
    "dutch": {"nl", "nld"}, "english": {"en", "eng"}, "esperanto": {"eo", "epo"}, "estonian": {"et", "est"},
    "finnish": {"fi", "fin"}, "french": {"fr", "fra"}, "galician": {"gl", "glg"}, "georgian": {"ka", "kat"},
    "german": {"de", "deu"}, "greek": {"el", "ell"}, "gujarati": {"gu", "guj"}, "hebrew": {"he", "heb"}, "hindi": {"hi", "hin"},
    "hungarian": {"hu", "hun"}, "icelandic": {"is", "isl"}, "indonesian": {"id", "ind"}, "irish": {"ga", "gle"},
    "italian": {"it", "ita"}, "japanese": {"ja", "jpn"}, "kannada": {"kn", "kan"}, "khmer": {"km", "khm"},
    "korean": {"ko", "kor"}, "lao": {"lo", "lao"}, "latvian": {"lv", "lav"}, "lithuanian": {"lt", "lit"},
    "malayalam": {"ml", "mal"}, "marathi": {"mr", "mar"}, "nepali": {"ne", "nep"},
    "norwegian": {"no", "nb", "nn", "nor", "nob", "nno"}, "persian": {"fa", "fas"}, "polish": {"pl", "pol"},
    "portuguese": {"pt", "por"}, "romanian": {"ro", "ron"}, "russian": {"ru", "rus"}, "serbian": {"sr", "srp"},
    "sinhala": {"si", "sin"}, "slovak": {"sk", "slk"}, "slovenian": {"sl", "slv"}, "spanish": {"es", "spa"},
    "swedish": {"sv", "swe"}, "tamil": {"ta", "tam"}, "telugu": {"te", "tel"}, "thai": {"th", "tha"},
    "tibetan": {"bo", "bod"}, "turkish": {"tr", "tur"}, "ukrainian": {"uk", "ukr"}, "urdu": {"ur", "urd"},
    "vietnamese": {"vi", "vie"}, "yiddish": {"yi", "yid"},
}  # fmt: skip
"""Name of a language → its codes in ISO 639."""

_NAME_OF_CODE = {code: name for name, codes in LANGUAGE_CODES.items() for code in codes}
# What py3langid takes for one of these is nearer to no other that we know.
_NAME_OF_CODE |= {"ary": "arabic", "arz": "arabic", "an": "spanish", "ext": "spanish"}
_LANGUAGE_OF_SCRIPT = {
    "Hiragana": "japanese", "Han": "chinese", "Hangul": "korean", "Greek": "greek", "Thai": "thai", "Lao": "lao",
    "Khmer": "khmer", "Myanmar": "burmese", "Tibetan": "tibetan", "Armenian": "armenian", "Georgian": "georgian",
    "Tamil": "tamil", "Telugu": "telugu", "Kannada": "kannada", "Malayalam": "malayalam", "Sinhala": "sinhala",
    "Gujarati": "gujarati", "Bengali": "bengali", "Hebrew": "hebrew", "Ethiopic": "amharic",
}  # fmt: skip
_SCRIPTS = ("Latin", "Cyrillic", "Arabic", "Devanagari", "Gurmukhi", *_LANGUAGE_OF_SCRIPT)
_SCRIPT = {script: regex.compile(rf"\p{{{script}}}") for script in _SCRIPTS}
_WORD = regex.compile(r"[\p{L}\p{M}]+")
_MIN_WORDS = 6
_MIN_CONFIDENCE = 0.9
_SEEN = 2000  # characters of a text that are looked at


def stop_words_of(language: str) -> frozenset[str]:
    """Return the function words of a language by its name, of several lists the longest; none where there is no list.

    Measured on dev queries, nDCG@10 without and with: TAT-QA 0.488 → 0.504, CoSQA 0.307 → 0.308, Lyft 0.765 → 0.782; words
    such as "what" and "based" say nothing about the passage. ``docs/log.md`` has the table.
    """
    return max((words for name, words in _stop_words() if name == language), key=len, default=frozenset())


_SAMPLE = 1000  # evenly spaced texts are enough to recognise the languages
_RARE = 0.02  # of the texts whose language is recognised; a share below this may be mistakes


def languages_of(texts: Sequence[str]) -> tuple[str, ...]:
    """Return the languages of a corpus, the most frequent first; none where none is certain."""
    tally = LanguageTally()
    for text in texts[:: max(1, len(texts) // _SAMPLE)]:
        tally.add(text)
    return tally.languages()


class LanguageTally:
    """Counts the languages of a stream of texts: of the first thousand, and of every hundredth after that."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._unknown = ""  # the beginning of what is too short, or uncertain
        self._total = 0

    def add(self, text: str) -> None:
        """Count one more text."""
        self._total += 1
        if self._total > 2 * _SAMPLE and self._total % 100:
            return
        if language := language_of(text):
            self._counts[language] += 1
        elif len(self._unknown) < _SEEN:
            self._unknown += f"{text}\n"

    def languages(self) -> tuple[str, ...]:
        """Return the languages so far, the most frequent first; short texts count only where no other has a language."""
        least = max(1.0, _RARE * self._counts.total())
        found = tuple(name for name, count in self._counts.most_common() if count >= least)
        if found or not self._unknown:
            return found
        language = language_of(self._unknown)
        return (language,) if language else ()


def script_of(text: str) -> str | None:
    """Return the script that most letters are in, Japanese as ``Hiragana``; None without letters."""
    if text.isascii():
        return "Latin" if any(map(str.isalpha, text)) else None
    counts = Counter({script: len(pattern.findall(text)) for script, pattern in _SCRIPT.items()})
    if counts["Hiragana"] and counts["Hiragana"] + counts["Han"] > counts["Latin"]:
        return "Hiragana"
    script, count = counts.most_common(1)[0]
    return script if count else None


def language_of_script(text: str) -> str | None:
    """Return the language that alone writes in a text's script, or None: Thai, say, but not French."""
    return _LANGUAGE_OF_SCRIPT.get(script_of(text) or "")


def language_of(text: str) -> str | None:
    """Return the language of one text, or None where it is uncertain: under six words, or another language as likely.

    Examples:
        >>> language_of("Füllen Sie den Tank mit kaltem Wasser, wenn die Lampe nicht blinkt, und warten Sie auf das Signal.")
        'german'
    """
    text = text[:_SEEN]
    script = script_of(text)
    if script in _LANGUAGE_OF_SCRIPT:
        return _LANGUAGE_OF_SCRIPT[script or ""]
    if script is None or len(_WORD.findall(text)) < _MIN_WORDS:
        return None
    shares: Counter[str] = Counter()
    for code, share in _identifier().rank(text):
        shares[_NAME_OF_CODE.get(code, "")] += share
    name, share = shares.most_common(1)[0]
    return name or None if share >= _MIN_CONFIDENCE else None


def same_language(query: str, passage: str) -> bool:
    """Return whether a query may be in its passage's language: the same script, and not clearly another language."""
    scripts = {script_of(query), script_of(passage)}
    if len(scripts) > 1 and None not in scripts:
        # Chinese and Japanese share characters; Latin names are in texts of every script.
        return scripts == {"Han", "Hiragana"}
    languages = {language_of(query), language_of(passage)}
    return None in languages or len(languages) == 1


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


@cache
def _stop_words() -> tuple[tuple[str, frozenset[str]], ...]:
    """Return the languages that bm25s has stop words of; its English has two lists, of which the longer is called plus."""
    with quiet_libraries():
        from bm25s import stopwords

    lists = []
    for constant in sorted(name for name in dir(stopwords) if name.startswith("STOPWORDS_")):
        name = constant.removeprefix("STOPWORDS_").removesuffix("_PLUS").lower()
        lists.append(("english" if name == "en" else name, frozenset(getattr(stopwords, constant))))
    return tuple(lists)
