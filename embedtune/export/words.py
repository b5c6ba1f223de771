"""Words beside vectors: a run's passages as sparse vectors for stores that take them, with the weights that ``eval`` used.

The inner product of a query and a passage is their BM25 score. Terms have numbers, so that a store needs no analyser; queries
are numbered by ``QueryWords``, or by ``POST /embed_sparse`` of ``embedtune serve``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from embedtune.formats.beir import read_passages
from embedtune.project.layout import DATASET
from embedtune.project.manifest import write_json
from embedtune.project.trained_run import read_trained_run
from embedtune.project.writing import check_outside, new_folder
from embedtune.retrieval.bm25 import BM25, SparseVector

PASSAGES, FACTS = "passages.jsonl", "words.json"


def export_words(run: Path, folder: Path) -> Path:
    """Write ``passages.jsonl``, a line with ``passage_id``, ``indices`` and ``values`` for each passage, to a new folder.

    ``words.json`` beside it has the number of terms, and the weight of the dense side in fusion for each model: the fused score
    is that share of the cosine's z-score, and the rest of the z-score of the inner product.

    Raises:
        ConfigError: If the folder is there already, or would lie in the run folder.
        DataError: If a stage is missing.
        IntegrityError: If dataset or model were changed since they were written.
        ResourceError: If the folder cannot be written.
    """
    check_outside(folder, run, "FOLDER")
    opened = read_trained_run(run)
    passages = read_passages(run / DATASET)
    vectors = BM25([passage.full_text for passage in passages]).sparse_texts()
    with new_folder(folder) as part, (part / PASSAGES).open("w", encoding="utf-8") as file:
        for passage, vector in zip(passages, vectors, strict=True):
            file.write(json.dumps({"passage_id": passage.passage_id, **as_indices(vector)}) + "\n")
        n_terms = 1 + max((term for vector in vectors for term in vector), default=-1)
        facts = {"schema_version": 1, "n_terms": n_terms, "fusion_weights": dict(opened.record.fusion_weights)}
        write_json(part / FACTS, facts)
    return folder


class QueryWords:
    """Numbers the words of queries over the terms of a run's passages, which are read once."""

    def __init__(self, run: Path | str) -> None:
        """Read the passages; raises as ``read_passages`` does."""
        self._bm25 = BM25([passage.full_text for passage in read_passages(Path(run) / DATASET)])

    def __call__(self, queries: Iterable[str]) -> list[SparseVector]:
        """Return queries as sparse vectors."""
        return self._bm25.sparse_queries(queries)


def as_indices(vector: SparseVector) -> dict[str, list[int] | list[float]]:
    """Return a sparse vector as stores take it, its terms ascending."""
    terms = sorted(vector)
    return {"indices": terms, "values": [round(vector[term], 6) for term in terms]}
