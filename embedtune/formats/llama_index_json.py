"""The ``{queries, corpus, relevant_docs}`` JSON of LlamaIndex's ``EmbeddingQAFinetuneDataset``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from embedtune.errors import DataError
from embedtune.formats.beir import is_identifier
from embedtune.records import Document, Qrels, Query

_PARTS = ("queries", "corpus", "relevant_docs")


def read_llama_index(path: Path) -> tuple[list[Document], list[Query], Qrels]:
    """Read the corpus as documents, and the queries with the documents relevant to each (grade 1).

    Raises:
        DataError: If the file is not of this shape, or a relevant document is not in the corpus.
    """
    parts = _read_parts(path)
    documents = [Document(key, "", text) for key, text in parts["corpus"].items()]
    queries = [Query(key, text, "source") for key, text in parts["queries"].items()]
    qrels: Qrels = {}
    for query_id, relevant in parts["relevant_docs"].items():
        unknown = [key for key in relevant if key not in parts["corpus"]]
        if unknown or query_id not in parts["queries"]:
            raise DataError.at(
                path, None, "relevant_docs that name queries and corpus entries", f"{query_id!r} → {unknown}"
            )
        qrels[query_id] = dict.fromkeys(relevant, 1)
    return documents, queries, qrels


def _read_parts(path: Path) -> dict[str, dict[str, Any]]:
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise DataError.at(path, None, "a JSON file in UTF-8", str(error)) from error
    if not isinstance(data, dict) or not all(isinstance(data.get(part), dict) for part in _PARTS):
        raise DataError.at(path, None, f"an object with the objects {', '.join(_PARTS)}", type(data).__name__)
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
