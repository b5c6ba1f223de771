"""The dataset folder of a run: BEIR files that judge passages, and the files that were not read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from embedtune.errors import DataError
from embedtune.formats import beir
from embedtune.types import SPLITS, Dataset, QuerySet, Skipped


def write_dataset(folder: Path, dataset: Dataset, skipped: Sequence[Skipped]) -> None:
    """Write ``corpus.jsonl``, ``queries.jsonl``, ``qrels/*.tsv`` and ``skipped.tsv``."""
    beir.write_passages(folder, dataset.passages)
    write_labels(folder, dataset.splits, skipped)


def write_labels(folder: Path, splits: Mapping[str, QuerySet], skipped: Sequence[Skipped]) -> None:
    """Write the files beside ``corpus.jsonl``."""
    # A query may be judged in two splits; it is one query all the same.
    queries = {query.query_id: query for split in SPLITS for query in splits[split].queries}
    beir.write_queries(folder, queries.values())
    for split in SPLITS:
        beir.write_qrels(folder, split, splits[split].qrels)
    rows = ["document\treason", *(f"{_cell(name)}\t{_cell(reason)}" for name, reason in skipped)]
    (folder / "skipped.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def read_dataset(folder: Path) -> Dataset:
    """Read what ``write_dataset`` wrote.

    Raises:
        DataError: If a file is missing or malformed, there is no passage, or the qrels name a passage that is not there.
    """
    passages = beir.read_passages(folder)
    if not passages:
        raise DataError.at(folder / "corpus.jsonl", None, "at least one passage", "none", hint="run generate again")
    known = {passage.passage_id for passage in passages}
    queries = {query.query_id: query for query in beir.read_queries(folder)}
    splits = {}
    for split in SPLITS:
        path = folder / "qrels" / f"{split}.tsv"
        qrels = beir.read_qrels(path)
        for query_id, judged in qrels.items():
            if query_id not in queries or not judged.keys() <= known:
                raise DataError.at(path, None, "queries and passages of this dataset", f"{query_id!r} → {list(judged)}")
        splits[split] = QuerySet(split, [queries[query_id] for query_id in qrels], qrels, "passage")
    return Dataset(passages, splits)


def _cell(text: str) -> str:
    return " ".join(text.split())
