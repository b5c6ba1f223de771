"""Does the base model know the language of the corpus? One that was trained on English alone finds little in another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from embedtune.config.yaml import read_yaml
from embedtune.models.encoder import Encoder
from embedtune.regular import LARGEST, read_regular
from embedtune.text.analyzer import lexical_terms
from embedtune.text.language import LANGUAGE_CODES, language_of

_FENCE = "---"


def stated_languages(folder: Path) -> frozenset[str] | None:
    """Return the languages that the metadata of a model's card name, in lower case; None where they name none.

    Cards have codes of ISO 639 (``en``, ``fr``), a list of them, or ``multilingual``. A card that cannot be read is none.
    """
    try:
        lines = read_regular(folder / "README.md", LARGEST).decode("utf-8", errors="replace").splitlines()
    except OSError:
        return None
    fences = [number for number, line in enumerate(lines) if line.strip() == _FENCE][:2]
    metadata = lines[1 : fences[1]] if fences[:1] == [0] and len(fences) > 1 else []
    # No more than this one field: a card can hold thousands of results, and anything that its author likes.
    entry = next((number for number, line in enumerate(metadata) if line.startswith("language:")), len(metadata))
    rest = takewhile(lambda line: line.startswith((" ", "-")), metadata[entry + 1 :])
    field = read_yaml("\n".join([*metadata[entry : entry + 1], *rest]), str).value
    stated = field.get("language") if isinstance(field, dict) else None
    names = [stated] if isinstance(stated, str) else stated if isinstance(stated, list) else []
    # YAML reads the code of Norwegian as false.
    codes = frozenset("no" if name is False else str(name).strip().lower() for name in names)
    return codes or None


MAX_PIECES, MAX_UNKNOWN = 1.6, 0.02
"""Tokens of a word on average, and share of unknown tokens, above which a vocabulary is taken not to know the language; see
``docs/advise.md``.
"""

MULTILINGUAL = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"
"""A base for some fifty languages, as small as the default."""

_TEXTS = 50  # that are looked at


def language_warning(name: str, folder: Path, encoder: Encoder, language: str, texts: Sequence[str]) -> str | None:
    """Warn where the base does not know the corpus's language; None where it does, or where it is unknown.

    What the model's card states counts, if it has one. Else the vocabulary tells: it cuts the words of a language that it
    was not made for to pieces, or has no token for them at all. ``language`` is empty where it was not recognised;
    ``texts`` are some of the corpus.
    """
    texts = texts[:: max(1, len(texts) // _TEXTS)]
    language = language or language_of("\n".join(texts)) or ""
    if language in ("", "english"):
        return None
    stated = stated_languages(folder)
    if stated is not None:
        fits = not stated.isdisjoint({"multilingual", language, *LANGUAGE_CODES.get(language, ())})
        why = f"its card names {', '.join(sorted(stated))}"
    else:
        pieces, unknown = vocabulary_fit(encoder, texts)
        fits = pieces <= MAX_PIECES and unknown <= MAX_UNKNOWN
        why = f"it has no card, and its vocabulary cuts a word into {pieces:.1f} tokens, {unknown:.0%} unknown"
    if fits:
        return None
    return (
        f"The documents are in {language.capitalize()}, and {name} was not made for it ({why}): retrieval will be poor, and "
        f"tuning mends little of that. Choose a multilingual base with --model, such as {MULTILINGUAL}."
    )


def vocabulary_fit(encoder: Encoder, texts: Sequence[str]) -> tuple[float, float]:
    """Return the tokens of a word on average, and the share of tokens that are the unknown one."""
    words = [term for text in texts for term in lexical_terms(text) if term.isalpha()]
    unknown_id = encoder.model.tokenizer.unk_token_id
    ids = encoder.token_ids(" ".join(words))
    return len(ids) / max(1, len(words)), sum(token == unknown_id for token in ids) / max(1, len(ids))
