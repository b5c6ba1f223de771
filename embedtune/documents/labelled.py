"""Labels beside documents: what they judge is looked up, and texts that stand in no document become documents themselves."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path, PurePosixPath

from embedtune.documents.buffer import DocumentBuffer
from embedtune.documents.encoded_data import encoded_note, read_ones, text_without_encoded_data
from embedtune.documents.quotations import find_texts
from embedtune.errors import DataError
from embedtune.formats.judgements import with_answers
from embedtune.formats.labels import Labels
from embedtune.text.hashing import content_id
from embedtune.types import Document, Note, Passage, Place, Qrels, QuerySet, Skipped, Source

_PASSAGE_ID = re.compile(r"p-[0-9a-f]{16}")
_MAX_NAMED = 3
_log = logging.getLogger("embedtune")


def with_labels(source: Source, files: Sequence[Labels], scratch: Path | None = None, *, adds: bool = True) -> Source:
    """Add label files to a source.

    What they judge is a document by its id, path, file name or title; a passage by its id; or a text that stands in documents.
    A text that stands in none becomes a document, which is counted; unless ``adds`` is false, then it is not known. Splits
    are those that the files are named by; of dev and test alone dev is for training, and one alone is too.

    Raises:
        DataError: If a file names documents by ids, and none of them is in the source.
    """
    names = _find_names(_judged(files), source)
    texts: dict[str, str] = {}  # judged text or id → text
    notes: list[Note] = []
    for labels in files:
        texts |= _readable(labels, _texts_of(labels, names), notes)
    places = find_texts(set(texts.values()), source.documents)
    taken = {document.document_id for document in source.documents}
    added = _added_documents(files, texts, places, taken) if adds else {}
    splits = {labels.split for labels in files}
    # Of dev and test alone dev is for training; whatever is there, test queries are not.
    trained = "train" if "train" in splits or len(splits) == 1 else "dev"
    queries: dict[str, QuerySet] = dict(source.queries)
    kept: dict[str, list[Place]] = {}
    for labels in files:
        keys = {}
        for judged in _judged([labels]):
            if judged in names:
                keys[judged] = names[judged]
            elif judged in texts and texts[judged] in places:
                keys[judged] = content_id("text", texts[judged])
                kept[keys[judged]] = places[texts[judged]]
            elif judged in texts and texts[judged] in added:
                keys[judged] = added[texts[judged]].document_id
            elif _PASSAGE_ID.fullmatch(judged):
                keys[judged] = judged
        _tell_unknown(labels, keys.keys(), source)
        split = "train" if len(splits) == 1 or labels.split == trained else labels.split
        queries[split] = _joined(queries.get(split), labels, keys)
    documents: Collection[Document] = list(added.values())
    if len(source.documents):
        documents = DocumentBuffer(chain(source.documents, added.values()), scratch) if added else source.documents
    n_added = len(added) if len(source.documents) else 0
    if n_added:
        paths = ", ".join(dict.fromkeys(str(labels.path) for labels in files))
        _log.warning("%s: texts that stand in no document of %s become passages: %d", paths, source.name, n_added)
    return replace(
        source,
        documents=documents,
        queries=queries,
        places=kept,
        has_labels=True,
        n_added=n_added,
        notes=[*source.notes, *notes],
    )


def read_corpus(name: str, files: Sequence[Labels], scratch: Path | None = None) -> Source:
    """Return labels as a source of their own: its documents are the corpus that came with them, or else their texts."""
    corpora = {id(labels.corpus): labels.corpus for labels in files if labels.corpus}
    documents: Collection[Document] = ()
    skipped, notes = list[Skipped](), list[Note]()
    if corpora:
        read = chain.from_iterable(corpus() for corpus in corpora.values())
        documents = DocumentBuffer(read_ones(read, skipped, notes), scratch)
    return with_labels(Source(name, documents, ready_made=True, skipped=skipped, notes=notes), files, scratch)


def judged_passages(passages: Sequence[Passage], places: Mapping[str, Sequence[Place]]) -> dict[str, list[str]]:
    """Return the ids of the passages that each judged name means: a passage, a document, or a text that stands in documents."""
    of_document: dict[str, list[Passage]] = {}
    for passage in passages:
        of_document.setdefault(passage.document_id, []).append(passage)
    members = {passage.passage_id: [passage.passage_id] for passage in passages}
    members |= {name: [each.passage_id for each in own] for name, own in of_document.items()}
    for name, found in places.items():
        members[name] = [one for place in found for one in _passages_at(place, of_document.get(place.document_id, ()))]
    return members


def _passages_at(place: Place, passages: Sequence[Passage]) -> list[str]:
    """Return the passages that hold half of a text of their document, or are half of it; else the one with most of it."""
    shared = {
        passage: overlap
        for passage in passages
        if (overlap := min(place.end, passage.end) - max(place.start, passage.start)) > 0
    }
    halves = [
        passage.passage_id
        for passage, overlap in shared.items()
        if 2 * overlap >= min(place.end - place.start, passage.end - passage.start)
    ]
    return halves or [passage.passage_id for passage in sorted(shared, key=lambda each: -shared[each])[:1]]


def judge_passages(labelled: QuerySet, members: Mapping[str, Sequence[str]]) -> QuerySet:
    """Give the grades of documents and texts to their passages, the highest to each; queries that none answers are left out."""
    qrels: Qrels = {}
    for query_id, judged in labelled.qrels.items():
        grades: dict[str, int] = {}
        for unit, grade in judged.items():
            for name in members.get(unit, ()):
                grades[name] = max(grade, grades.get(name, grade))
        if any(grade > 0 for grade in grades.values()):
            qrels[query_id] = grades
    kept = [query for query in labelled.queries if query.query_id in qrels]
    return QuerySet(labelled.name, kept, qrels, "passage")


def _judged(files: Iterable[Labels]) -> set[str]:
    return {judged for labels in files for grades in labels.qrels.values() for judged in grades}


def _find_names(wanted: set[str], source: Source) -> dict[str, str]:
    """Return those of the wanted names that are the id of a document; or a path, file name or title that only one has."""
    folder = f"{PurePosixPath(source.name)}/"
    folded: dict[str, list[str]] = {}
    for name in wanted:
        folded.setdefault(name.removeprefix("./").removeprefix(folder).casefold(), []).append(name)
    found: dict[str, set[str]] = {}
    for document in source.documents:
        path = PurePosixPath(document.document_id)
        for alias in {document.document_id, str(path.parent / path.stem), path.name, path.stem, document.title}:
            for name in folded.get(alias.casefold(), ()):
                found.setdefault(name, set()).add(document.document_id)
    return {
        name: name if name in documents else min(documents)
        for name, documents in found.items()
        if name in documents or len(documents) == 1
    }


def _texts_of(labels: Labels, names: Mapping[str, str]) -> dict[str, str]:
    """Return what a file judges and no document is named by, with its text."""
    unnamed = _judged([labels]) - names.keys()
    if labels.holds == "texts" or (labels.holds == "either" and len(unnamed) == len(_judged([labels]))):
        return {text: text for text in unnamed}
    if labels.corpus is None or not unnamed:
        return {}
    return {
        document.document_id: f"{document.title}\n{document.text}" if document.title else document.text
        for document in labels.corpus()
        if document.document_id in unnamed
    }


def _readable(labels: Labels, texts: Mapping[str, str], notes: list[Note]) -> dict[str, str]:
    """Return the texts without encoded data, as documents are read; how much that was is noted."""
    readable = {judged: text_without_encoded_data(text) for judged, text in texts.items()}
    if n_lost := sum(map(len, texts.values())) - sum(map(len, readable.values())):
        notes.append(Note(labels.path.name, encoded_note(n_lost)))
    return {judged: text for judged, text in readable.items() if text.strip()}


def _added_documents(
    files: Sequence[Labels], texts: Mapping[str, str], places: Collection[str], taken: set[str]
) -> dict[str, Document]:
    """Return text → document of the texts that stand in no other, named by their file and line."""
    added: dict[str, Document] = {}
    for labels in files:
        for judged in chain.from_iterable(labels.qrels.values()):
            text = texts.get(judged)
            if text is None or text in places or text in added:
                continue
            line = labels.lines.get(judged)
            name = base = judged if labels.corpus else f"{labels.path.name}:{line}"
            number = 1
            while name in taken:
                name = f"{base}.{(number := number + 1)}"
            taken.add(name)
            added[text] = Document(name, "", text)
    return added


def _joined(known: QuerySet | None, labels: Labels, keys: Mapping[str, str]) -> QuerySet:
    """Add the queries of a file to those of a split; of two grades for one document the higher counts."""
    qrels: Qrels = {name: dict(grades) for name, grades in known.qrels.items()} if known else {}
    texts = {query.query_id: query for query in [*(known.queries if known else []), *labels.queries]}
    for query_id, grades in labels.qrels.items():
        judged = qrels.setdefault(query_id, {})
        for name, grade in grades.items():
            if name in keys:
                judged[keys[name]] = max(grade, judged.get(keys[name], grade))
    found = QuerySet(labels.path.name, [texts[name] for name in qrels], qrels, "document")
    return with_answers(found, str(labels.path))


def _tell_unknown(labels: Labels, known: Collection[str], source: Source) -> None:
    unknown = [name for name in dict.fromkeys(chain.from_iterable(labels.qrels.values())) if name not in known]
    if not unknown:
        return
    some = ", ".join(
        f"{name!r:.80}" + (f" (line {labels.lines[name]})" if name in labels.lines else "")
        for name in unknown[:_MAX_NAMED]
    )
    if known:
        _log.warning("%s: %d documents are not in %s, such as %s", labels.path, len(unknown), source.name, some)
        return
    example = next((document.document_id for document in source.documents), None)
    raise DataError.at(
        labels.path,
        None,
        f"documents of {source.name}, such as {example!r}" if example else "texts, or a corpus beside the file",
        f"only {some}",
        hint="names are paths below the folder of documents, file names or titles"
        if example
        else f"give the documents as the source and this file with --labels {labels.path}",
    )
