"""The user's own queries: examples for the model, and a comparison of its queries with them."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Sequence
from pathlib import Path

from embedtune.errors import DataError
from embedtune.project.records import ExamplesRecord, FormComparison, LengthComparison
from embedtune.regular import read_regular
from embedtune.text.analyzer import lexical_terms

MAX_EXAMPLES = 1000
_MAX_CHARS = 500
_MOST_BYTES = 10_000_000
_ASKING = re.compile(
    r"\?\s*$|^\s*(?:who|what|when|where|why|which|how|whose|is|are|was|were|do|does|did|can|could|should|will|"
    r"wer|was|wann|wo|warum|welche[rs]?|wie|qui|quand|où|pourquoi|comment|quel\w*|qué|cómo|cuándo|dónde|quién|cuál\w*)\b",
    re.IGNORECASE,
)
_FEW_WORDS = 5


def read_examples(path: Path) -> list[str]:
    """Read queries, one a line: plain text, or JSON objects with ``text`` or ``query`` (a BEIR ``queries.jsonl``).

    Raises ``DataError`` if there is no such file, it has no query or more than 1,000, or a line is invalid.
    """
    try:
        lines = read_regular(path, _MOST_BYTES).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError.at(path, None, "a text file in UTF-8 with one query a line", str(error)) from error
    examples = list(dict.fromkeys(_example(path, number, line) for number, line in enumerate(lines, 1) if line.strip()))
    if not 0 < len(examples) <= MAX_EXAMPLES:
        expected, hint = f"1 to {MAX_EXAMPLES} queries, one a line", "a handful of real queries is enough"
        raise DataError.at(path, None, expected, str(len(examples)), hint=hint)
    return examples


def compare(examples: Sequence[str], written: Sequence[str]) -> ExamplesRecord:
    """Measure how close LLM-generated queries come to real ones; no verdict, for a handful of queries is a rough pattern."""
    lengths = [[len(lexical_terms(text)) for text in texts] for texts in (examples, written)]
    forms = [_forms(texts) for texts in (examples, written)]
    real, generated = (set(lexical_terms(" ".join(texts))) for texts in (examples, written))
    inside = [min(lengths[0]) <= length <= max(lengths[0]) for length in lengths[1]]
    return ExamplesRecord(
        n_examples=len(examples),
        words=LengthComparison(
            examples=statistics.median(lengths[0]),
            written=statistics.median(lengths[1]) if written else None,
            written_in_range=round(sum(inside) / max(1, len(inside)), 3),
        ),
        forms=FormComparison(
            examples=forms[0],
            written=forms[1],
            overlap=round(sum(min(forms[0][form], forms[1][form]) for form in forms[0]), 3),
        ),
        vocabulary=round(len(real & generated) / max(1, len(real)), 3),
    )


def _forms(texts: Sequence[str]) -> dict[str, float]:
    """Return the shares of the queries' forms by their surface: a user's queries have no kinds."""
    counts = dict.fromkeys(("question", "keywords", "statement"), 0)
    for text in texts:
        is_short = len(text.split()) <= _FEW_WORDS and not text.rstrip().endswith(".")
        counts["question" if _ASKING.search(text) else "keywords" if is_short else "statement"] += 1
    return {form: round(count / max(1, len(texts)), 3) for form, count in counts.items()}


def _example(path: Path, number: int, line: str) -> str:
    text = line.strip()
    if text.startswith("{"):
        try:
            row = json.loads(text)
            text = next(row[name] for name in ("text", "query", "question") if isinstance(row.get(name), str)).strip()
        except (ValueError, StopIteration, RecursionError) as error:  # the last where it is nested too deeply
            raise DataError.at(path, number, 'a query, or an object with the string "text"', line[:80]) from error
    if not 0 < len(text) <= _MAX_CHARS:
        raise DataError.at(path, number, f"a query of 1 to {_MAX_CHARS} characters", f"{len(text)} characters")
    return " ".join(text.split())
