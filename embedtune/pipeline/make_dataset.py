"""From a source to passages, splits and labelled queries: for ``generate`` and ``advise``."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

from embedtune.config.settings import GenerateConfig
from embedtune.documents.readers.files import ReadingLimits
from embedtune.documents.reading import Survey, read_source, survey
from embedtune.documents.splits import join_by_document
from embedtune.errors import DataError
from embedtune.formats import beir
from embedtune.machine import nearest_folder
from embedtune.models.encoder import Encoder
from embedtune.models.readable_text import base_warnings
from embedtune.pipeline.chunk_corpus import ChunkedCorpus, chunk_corpus
from embedtune.project.records import DatasetRecord
from embedtune.synthesis.llm.queries import LOOK, LlmQueries
from embedtune.synthesis.query_sampler import (
    PassagePool,
    build_pool,
    held_out_kind,
    judged_documents,
    sample_queries,
    shares_of,
    with_labelled,
)
from embedtune.types import SPLITS, Document, Passage, QuerySet, Source

_log = logging.getLogger("embedtune")
_FEW_DOCUMENTS = "add documents; a few pages of running text are the least that can be split three ways"
_FEW_LABELS = "label two queries or more, or give documents too and --queries-from both"


def read_for(config: GenerateConfig, out: Path) -> tuple[Source, Survey]:
    """Read a source under the limits of the settings; ``out`` is the place of temporary files.

    Raises:
        DataError: As ``read_source`` does.
    """
    limits, scratch = ReadingLimits(**config.reading.model_dump()), nearest_folder(out)
    source = read_source(config.source, labels=config.labels, limits=limits, strict=config.strict, scratch=scratch)
    return source, survey(source)


def make_dataset(
    source: Source,
    encoder: Encoder,
    config: GenerateConfig,
    folder: Path,
    *,
    base_folder: Path,
    n_chars: int,
    llm: LlmQueries | None = None,
) -> tuple[dict[str, QuerySet], DatasetRecord]:
    """Chunk a source into ``corpus.jsonl`` of a folder, split it, generate and filter queries; see ``generate``.

    Of a corpus beyond ``config.max_query_passages`` all but the chunking uses a sample; ``n_chars`` is for the
    progress. With ``llm`` a language model writes the queries.

    Returns:
        Queries by split, and the record of the dataset.
    """
    corpus, pool = prepare(source, encoder, config, folder, n_chars=n_chars)
    warnings = base_warnings(config.model, base_folder, encoder, corpus.statistics.language, pool.passages)
    for warning in warnings:
        _log.warning("%s", warning)
    queries, dropped = {name: QuerySet(name, [], {}, "passage") for name in SPLITS}, dict[str, int]()
    if llm:
        queries, dropped = llm.make(pool, corpus.statistics, encoder, folder, judged=source.queries.get("train"))
    elif config.queries_from != "source":
        queries, dropped = sample_queries(pool, corpus.statistics, config)
    queries = with_labelled(
        queries,
        source,
        pool.split,
        SPLITS if config.queries_from != "generate" else ("test",),
        passages=pool.passages if corpus.sample.is_whole else None,
        stream=lambda: beir.stream_passages(folder),
        example=corpus.first_document,
        seed=config.seed,
    )
    _require_queries(queries, corpus, source, llm.losses(dropped) if llm else "")
    record = DatasetRecord(
        source=source.name,
        documents=len(source.documents),
        skipped=len(source.skipped),
        passages=corpus.n_passages,
        identical_passages=corpus.n_identical,
        synthetic_query_passages=len(pool.passages),
        forgotten_terms=corpus.statistics.n_prunings > 0,
        split_by=pool.split.unit,
        near_duplicate_documents=sum(len(group) - 1 for group in pool.document_groups),
        queries={name: dict(Counter(query.kind for query in queries[name].queries)) for name in SPLITS},
        held_out_kind=held_out_kind(config),
        dropped_queries=dropped,
        window=corpus.window,
        language=corpus.statistics.language,
        warnings=warnings,
        passages_from_labels=source.n_added,
        **({"llm": llm.record} if llm else {}),
    )
    return queries, record


def prepare(
    source: Source,
    encoder: Encoder,
    config: GenerateConfig,
    folder: Path,
    *,
    n_chars: int,
    wanted: Collection[str] = frozenset(),
) -> tuple[ChunkedCorpus, PassagePool]:
    """Chunk a source into ``corpus.jsonl`` of a folder and split the passages for queries.

    Of a large corpus they are a sample that has the ``wanted`` documents.

    Raises:
        DataError: If there is no text.
    """
    if config.queries_from != "generate" and "dev" not in source.queries:
        # The splits of these documents decide whether a labelled query is for train or dev.
        wanted = judged_documents(source, ("train",)).union(wanted)
    corpus = chunk_corpus(source, encoder, config, folder, n_chars=n_chars, wanted=frozenset(wanted))
    if not corpus.n_passages:
        raise DataError(f"{source.name}: expected text, found only headings in {len(source.documents)} documents")
    passages = corpus.sample.passages()
    documents: Iterable[Document] = source.documents
    outside: Iterable[Passage] = ()
    if not corpus.sample.is_whole:
        documents, sampled = join_by_document(passages), {passage.passage_id for passage in passages}
        outside = (passage for passage in beir.stream_passages(folder) if passage.passage_id not in sampled)
    return corpus, build_pool(passages, documents, outside, shares=shares_of(source, config), seed=config.seed)


def _require_queries(queries: dict[str, QuerySet], corpus: ChunkedCorpus, source: Source, losses: str) -> None:
    for name in ("train", "dev"):
        if not queries[name].queries:
            raise DataError(
                f"{source.name}: expected queries for {name}, found none in {corpus.n_passages} passages of "
                f"{len(source.documents)} documents{losses}",
                hint=_FEW_LABELS if source.has_labels else LOOK if losses else _FEW_DOCUMENTS,
            )
