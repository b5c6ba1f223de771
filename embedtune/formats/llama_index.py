"""The ``{queries, corpus, relevant_docs}`` JSON of LlamaIndex's ``EmbeddingQAFinetuneDataset``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from embedtune.errors import DataError
from embedtune.formats.beir import is_identifier
from embedtune.formats.lines import FaultyRows, read_text
from embedtune.types import Document, Qrels, Query

_PARTS = ("queries", "corpus", "relevant_docs")
_WRITER = "EmbeddingQAFinetuneDataset.save_json writes such a file"


def read_llama_index(path: Path) -> tuple[list[Document], list[Query], Qrels]:
    """Read the corpus as documents, and the queries with the documents relevant to each (grade 1).

    Raises:
        DataError: If the file is not of this shape, or a relevant document is not in the corpus.
    """
    parts = _read_parts(path)
    documents = [Document(key, "", text) for key, text in parts["corpus"].items()]
    queries = [Query(key, text, "source") for key, text in parts["queries"].items()]
    qrels: Qrels = {}
    faults = FaultyRows(path, "entry")
    for number, (query_id, relevant) in enumerate(parts["relevant_docs"].items(), start=1):
        unknown = [key for key in relevant if key not in parts["corpus"]]
        if unknown or query_id not in parts["queries"]:
            found = f"{query_id!r} → {unknown}"
            faults.add(number, "relevant_docs that name queries and corpus entries", f"{found:.200}")
        qrels[query_id] = dict.fromkeys(relevant, 1)
    faults.check()
    return documents, queries, qrels


def _read_parts(path: Path) -> dict[str, dict[str, Any]]:
    text = read_text(path)
    try:
        data = json.loads(text, object_pairs_hook=_without_repetition)
        json.dumps(data, ensure_ascii=False).encode("utf-8")  # "\\ud800" is JSON and no text
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        raise DataError.at(path, line, "a JSON file in UTF-8", str(error)[:200], hint=_WRITER) from error
    if not isinstance(data, dict) or not all(isinstance(data.get(part), dict) for part in _PARTS):
        raise DataError.at(path, None, f"an object with the objects {', '.join(_PARTS)}", type(data).__name__)
    blank = next((name for name, text in data["queries"].items() if not str(text).strip()), None)
    if blank is not None:
        raise DataError.at(path, None, "queries with text", f"none in {blank!r}")
    strings = [*data["queries"].values(), *data["corpus"].values()]
    if not all(isinstance(text, str) for text in strings):
        raise DataError.at(path, None, "every query and corpus entry to be a string", "other values")
    relevant = data["relevant_docs"].values()
    if not all(isinstance(ids, list) and all(isinstance(name, str) for name in ids) for ids in relevant):
        raise DataError.at(path, None, "every relevant_docs entry to be a list of corpus ids", "other values")
    odd = [name for name in [*data["queries"], *data["corpus"]] if not is_identifier(name)]
    if odd:
        raise DataError.at(path, None, "ids that are not blank and hold no tabs or line breaks", repr(odd[0]))
    return data


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object; JSON allows a name twice, and one of the two would be lost."""
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        again = next(name for number, name in enumerate(names) if name in names[:number])
        raise ValueError(f"the name {again!r} twice in one object")
    return values
