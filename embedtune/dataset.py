"""Passages, queries and judgements: in memory, and as the BEIR folder that a run keeps them in."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from embedtune.documents.chunking import keep_whole
from embedtune.documents.labelled import judge_passages, judged_passages, read_corpus, with_labels
from embedtune.documents.splits import SHARES, draw_for_dev, split_by_document
from embedtune.errors import ConfigError, DataError
from embedtune.formats import beir
from embedtune.formats.judgements import check_judged, with_answers
from embedtune.formats.label_files import read_labels
from embedtune.formats.labels import Columns
from embedtune.formats.llama_index import read_llama_index
from embedtune.shown import cell
from embedtune.text.hashing import content_id
from embedtune.types import SPLITS, Document, Note, Passage, Qrels, Query, QuerySet, Skipped, Source

_LARGEST = 0.5  # share of the queries in one group from which on groups cannot be split
_VALIDATION = ("dev", "validation", "valid", "val")


_log = logging.getLogger("embedtune")


@dataclass(frozen=True)
class Dataset:
    """A corpus with judged queries, for ``tune`` and ``evaluate_models``.

    ``tune`` trains on ``train`` and selects on ``dev``; ``evaluate_models`` measures on ``test``. Build one with
    ``from_pairs``, ``from_labels``, ``from_beir``, ``from_hf`` or ``from_llama_index``.

    Attributes:
        passages: The corpus; in document order where passages come from documents.
        splits: ``train``, ``dev`` and ``test``: queries with their judgements, query id → passage id → grade (above 0 is
            relevant).

    Examples:
        >>> dataset = Dataset.from_pairs(
        ...     ["how long is the warranty", "when is it refunded"],
        ...     ["The warranty lasts two years.", "Refunds take ten days."],
        ...     split="test",
        ... )
        >>> dataset
        Dataset(2 passages; queries: train 0, dev 0, test 2)
        >>> len(dataset)
        2
    """

    passages: list[Passage]
    splits: dict[str, QuerySet]

    @classmethod
    def from_pairs(
        cls,
        queries: Sequence[str] | Mapping[str, str] | QuerySet,
        passages: Sequence[str] | Mapping[str, str] | Sequence[Passage],
        qrels: Mapping[str, Mapping[str, int]] | None = None,
        *,
        split: str | Mapping[str, float] = SHARES,
        seed: int = 0,
    ) -> Dataset:
        """Build a dataset of queries and the passages that answer them.

        Args:
            queries: Texts, or id → text; or a query set, as ``synthesize_queries`` returns it.
            passages: The passage that answers each query, in the same order; one that answers several may be repeated. Or
                id → text, with ``qrels``. Or passages, as ``chunk`` returns them, with a query set.
            qrels: Query id → passage id → grade; only with dictionaries of queries and passages.
            split: Shares of train, dev and test, as ``split`` takes them; or the name of the one split that all queries belong
                to: ``test`` to measure models only.
            seed: Of the split.

        Raises:
            DataError: If numbers or ids do not fit, or a text is empty.
            ConfigError: If ``split`` names no split.
        """
        if isinstance(queries, QuerySet):
            return cls._split(cast(list[Passage], list(passages)), queries.queries, queries.qrels, split, seed)
        if isinstance(queries, Mapping) and isinstance(passages, Mapping) and qrels is not None:
            texts, corpus, judged = queries, passages, {name: dict(row) for name, row in qrels.items()}
        elif qrels is None and not isinstance(queries, Mapping | str) and not isinstance(passages, Mapping | str):
            texts, corpus, judged = _paired(queries, cast(Sequence[str], passages))
        else:
            raise DataError(
                "from_pairs: expected two lists of texts, or dictionaries id → text of queries and passages, and qrels, found "
                f"{type(queries).__name__}, {type(passages).__name__} and {type(qrels).__name__}"
            )
        found = [Passage(name, name, "", text, 0, len(text)) for name, text in corpus.items()]
        kept = [Query(name, text, "source") for name, text in texts.items()]
        return cls._split(found, kept, judged, split, seed)

    @classmethod
    def from_beir(cls, folder: str | os.PathLike[str]) -> Dataset:
        """Read ``corpus.jsonl``, ``queries.jsonl`` and ``qrels/{train,dev,test}.tsv`` of a BEIR folder.

        Documents without a text, which some collections have, are left out with a warning.

        Raises:
            DataError: If a file is malformed, or no split is judged.
        """
        path = Path(folder)
        passages, queries = _with_text(path, beir.read_passages(path, any_corpus=True)), beir.read_queries(path)
        splits = beir.read_splits(path, {query.query_id for query in queries})
        if not splits:
            raise DataError.at(path / "qrels", None, "train.tsv, dev.tsv or test.tsv", "none of them")
        return cls._of(passages, {name: (queries, qrels) for name, qrels in splits.items()})

    @classmethod
    def from_labels(
        cls,
        *paths: str | os.PathLike[str],
        passages: Sequence[Passage] = (),
        split: str | Mapping[str, float] = SHARES,
        seed: int = 0,
    ) -> Dataset:
        """Read label files: pairs, triplets, scored pairs, search logs or qrels, in the forms of ``docs/formats.md``.

        Args:
            paths: JSON lines, CSV, TSV or Parquet files, or folders that ``datasets`` saved. Several are the splits that
                they are named by: ``train``, ``dev`` (or ``validation``) and ``test``.
            passages: Where the judged texts and documents are looked up, as ``chunk`` returns them; texts that stand in
                none are added. Without them the corpus is the texts of the files.
            split: As in ``from_pairs``, where all queries are of one split.
            seed: Of the split.

        Raises:
            DataError: With all faulty rows of a file; or if a file has another form, or names documents that are not there.
        """
        files = [labels for path in paths for labels in read_labels(Path(path))]
        if not files:
            raise DataError("from_labels: expected one or more label files, found none")
        if passages:
            parts = [Document(each.document_id, each.title, each.text, offset=each.start) for each in passages]
            source = with_labels(Source("the passages", parts, ready_made=True), files)
            corpus = [*passages, *keep_whole(list(source.documents)[len(parts) :])]
        else:
            source = read_corpus(str(files[0].path), files)
            corpus = list(keep_whole(source.documents))
        members = judged_passages(corpus, source.places)
        found = {name: judge_passages(queries, members) for name, queries in source.queries.items()}
        if found.keys() == {"train"}:
            return cls._split(corpus, found["train"].queries, found["train"].qrels, split, seed)
        return cls._of(corpus, {name: (queries.queries, queries.qrels) for name, queries in found.items()})

    @classmethod
    def from_llama_index(
        cls, path: str | os.PathLike[str], *, split: str | Mapping[str, float] = SHARES, seed: int = 0
    ) -> Dataset:
        """Read the JSON of LlamaIndex's ``EmbeddingQAFinetuneDataset``; ``split`` and ``seed`` as in ``from_pairs``.

        Raises:
            DataError: If the file is not of this shape.
        """
        documents, queries, qrels = read_llama_index(Path(path))
        corpus = {document.document_id: document.text for document in documents}
        return cls.from_pairs({query.query_id: query.text for query in queries}, corpus, qrels, split=split, seed=seed)

    @classmethod
    def from_hf(
        cls,
        data: Any,
        *,
        columns: tuple[str, str] | None = None,
        split: str | Mapping[str, float] = SHARES,
        seed: int = 0,
    ) -> Dataset:
        """Take pairs from a ``datasets.Dataset`` or ``DatasetDict``, as sentence-transformers trains on them.

        Args:
            data: Rows with a query and a passage that answers it. Of a ``DatasetDict`` the splits ``train``, ``dev`` (or
                ``validation``) and ``test`` stay as they are.
            columns: Names of the columns of queries and passages; None takes ``anchor`` and ``positive`` if they are there,
                else the first two. Columns ``negative``, ``negative_1`` … are judged not relevant.
            split: As in ``from_pairs``, for a single ``Dataset``.
            seed: Of the split.

        Raises:
            DataError: If there are no two columns of texts.
        """
        is_one = not isinstance(data, Mapping)
        corpus: dict[str, Passage] = {}
        splits = {}
        for name, rows in ({"train": data} if is_one else data).items():
            texts, passages, judged = _paired(*_columns(rows, columns))
            corpus |= {key: Passage(key, key, "", text, 0, len(text)) for key, text in passages.items()}
            splits[_split_name(name)] = ([Query(key, text, "source") for key, text in texts.items()], judged)
        if is_one:
            return cls._split(list(corpus.values()), *splits["train"], split, seed)
        return cls._of(list(corpus.values()), splits)

    @classmethod
    def _split(
        cls, passages: list[Passage], queries: list[Query], qrels: Qrels, split: str | Mapping[str, float], seed: int
    ) -> Dataset:
        if isinstance(split, str):
            return cls._of(passages, {_split_name(split): (queries, qrels)})
        return cls._of(passages, {"train": (queries, qrels)}).split(split, seed=seed)

    @classmethod
    def _of(cls, passages: list[Passage], splits: Mapping[str, tuple[Iterable[Query], Qrels]]) -> Dataset:
        """Build a dataset; judgements of passages that are not there are left out with a warning."""
        known = {passage.passage_id for passage in passages}
        if empty := next((passage.passage_id for passage in passages if not passage.full_text.strip()), None):
            raise DataError(f"passages: expected texts, found none in {empty!r}")
        sets = {name: QuerySet(name, [], {}, "passage") for name in SPLITS}
        for name, (queries, qrels) in splits.items():
            if qrels:
                check_judged(name, qrels, known)
            texts = {query.query_id: query for query in queries if query.text.strip()}
            judged = {
                query: grades
                for query, row in qrels.items()
                if (grades := {key: grade for key, grade in row.items() if key in known})
            }
            if missing := sorted(judged.keys() - texts.keys()):
                raise DataError(f"{name}: expected a text for every judged query, found none for {missing[0]!r}")
            sets[name] = with_answers(QuerySet(name, [texts[query] for query in judged], judged, "passage"))
        return cls(passages, sets)

    def split(self, shares: Mapping[str, float] = SHARES, *, seed: int = 0) -> Dataset:
        """Deal all queries to train, dev and test anew, so that no passage, document or near-duplicate answers in two of them.

        Where answers are shared so much that this would put most of the queries into one split, they are dealt one by one.

        Args:
            shares: Share of the answering passages of ``train``, ``dev`` and ``test``, 0 to 1; together 1.
            seed: Another seed deals differently.

        Returns:
            The same passages; queries whose near-duplicate answers were dealt to dev or test are left out of train.

        Raises:
            ConfigError: If the shares do not name the three splits or do not sum to 1.
        """
        qrels = {name: row for queries in self.splits.values() for name, row in queries.qrels.items()}
        texts = {query.query_id: query for queries in self.splits.values() for query in queries.queries}
        relevant = {name: [key for key, grade in row.items() if grade > 0] for name, row in qrels.items()}
        group = _connected(self.passages, relevant.values())
        answers = [
            passage._replace(document_id=group[passage.passage_id])
            for passage in self.passages
            if passage.passage_id in group
        ]
        largest = Counter(group[keys[0]] for keys in relevant.values() if keys).most_common(1)
        if largest and len(relevant) > 1 and largest[0][1] > _LARGEST * len(relevant):
            answers = [Passage(name, name, "", texts[name].text, 0, 0) for name in texts]
            relevant = {name: [name] for name in relevant}
        side = split_by_document(answers, shares, seed).of_passage if answers else {}
        dealt: dict[str, list[str]] = {name: [] for name in SPLITS}
        for name, keys in relevant.items():
            if keys and keys[0] in side:
                dealt[side[keys[0]]].append(name)
        return replace(
            self,
            splits={
                split: QuerySet(
                    split, [texts[name] for name in names], {name: qrels[name] for name in names}, "passage"
                )
                for split, names in dealt.items()
            },
        )

    def with_dev(self, *, seed: int = 0) -> Dataset:
        """Deal a tenth of the train queries to dev, unless it has some.

        Synthetic queries are dealt as ``split`` does, by document. Of labelled ones half are drawn at random, to show what
        training gains where people ask for labelled passages again.

        Args:
            seed: Another seed deals differently.
        """
        if self.splits["dev"].queries:
            return self
        part = replace(self, splits={"train": self.splits["train"]})
        share = 0.05 if any(query.came_with_label for query in self.splits["train"].queries) else 0.1
        dealt = part.split({"train": 1 - share, "dev": share, "test": 0.0}, seed=seed).splits
        train, dev = draw_for_dev(dealt["train"], dealt["dev"], seed)
        return replace(self, splits={"train": train, "dev": dev, "test": self.splits["test"]})

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write a BEIR folder; document ids and offsets of passages stand in ``metadata``."""
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        beir.write_passages(path, self.passages)
        write_labels(path, self.splits)

    def __len__(self) -> int:
        return sum(len(queries.queries) for queries in self.splits.values())

    def __repr__(self) -> str:
        counts = ", ".join(f"{name} {len(self.splits[name].queries)}" for name in SPLITS)
        return f"Dataset({len(self.passages)} passages; queries: {counts})"


def _with_text(folder: Path, passages: Sequence[Passage]) -> list[Passage]:
    kept = [passage for passage in passages if passage.full_text.strip()]
    if len(kept) < len(passages):
        first = next(passage.passage_id for passage in passages if not passage.full_text.strip())
        _log.warning("%s: left out documents without a text: %d, %r first", folder, len(passages) - len(kept), first)
    return kept


def write_labels(
    folder: Path,
    splits: Mapping[str, QuerySet],
    skipped: Sequence[Skipped] | None = None,
    notes: Sequence[Note] = (),
) -> None:
    """Write ``queries.jsonl`` and ``qrels/*.tsv`` beside ``corpus.jsonl``, and ``skipped.tsv`` and ``notes.tsv`` if given."""
    # A query may be judged in two splits; it is one query all the same.
    queries = {query.query_id: query for split in SPLITS for query in splits[split].queries}
    beir.write_queries(folder, queries.values())
    for split in SPLITS:
        beir.write_qrels(folder, split, splits[split].qrels)
    if skipped is not None:
        rows = ["document\treason", *(f"{_cell(name)}\t{_cell(reason)}" for name, reason in skipped)]
        (folder / "skipped.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    if notes:
        rows = ["document\tnote", *(f"{_cell(name)}\t{_cell(text)}" for name, text in notes)]
        (folder / "notes.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def read_dataset(folder: Path) -> Dataset:
    """Read the dataset of a run.

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
    return cell(" ".join(text.split()))


def _paired(
    queries: Sequence[str], passages: Sequence[str], negatives: Sequence[Sequence[str]] = ()
) -> tuple[dict[str, str], dict[str, str], Qrels]:
    """Return id → text of queries and passages, and who answers whom and does not; equal texts are one."""
    if len(queries) != len(passages):
        raise DataError(
            f"pairs: expected a passage for each query, found {len(queries)} queries and {len(passages)} passages"
        )
    texts: dict[str, str] = {}
    corpus: dict[str, str] = {}
    qrels: Qrels = {}
    for number, (query, passage) in enumerate(zip(queries, passages, strict=True)):
        if not all(isinstance(text, str) and text.strip() for text in (query, passage)):
            raise DataError(f"pairs: expected two texts, found {(query, passage)!r:.120} in pair {number}")
        query_id, passage_id = content_id("q", query), content_id("p", passage)
        texts[query_id], corpus[passage_id] = query, passage
        qrels.setdefault(query_id, {})[passage_id] = 1
    for query, *row in zip(queries, *negatives, strict=True) if negatives else ():
        for text in row:
            if isinstance(text, str) and text.strip():
                passage_id = content_id("p", text)
                corpus.setdefault(passage_id, text)
                qrels[content_id("q", query)].setdefault(passage_id, 0)
    return texts, corpus, qrels


def _columns(data: Any, names: tuple[str, str] | None) -> tuple[list[str], list[str], list[list[str]]]:
    there = list(data.column_names)
    query, passage = names or (("anchor", "positive") if {"anchor", "positive"} <= set(there) else (*there, "", "")[:2])
    if query not in there or passage not in there:
        raise DataError(f"from_hf: expected a column of queries and one of passages, found the columns {there}")
    known = Columns.of(there)
    return list(data[query]), list(data[passage]), [list(data[name]) for name in (known.negatives if known else ())]


def _split_name(name: str) -> str:
    found = "dev" if name in _VALIDATION else name
    if found not in SPLITS:
        raise ConfigError(f"split: expected train, dev or test, found {name!r}")
    return found


def _connected(passages: Sequence[Passage], relevant: Iterable[Sequence[str]]) -> dict[str, str]:
    """Return relevant passage id → its group: passages of one document, or relevant to one query, are in one."""
    document = {passage.passage_id: passage.document_id for passage in passages}
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = name = parent[parent[name]]
        return name

    for keys in relevant:
        for key in keys:
            parent[root(document[key])] = root(document[keys[0]])
    return {key: root(document[key]) for keys in relevant for key in keys}
