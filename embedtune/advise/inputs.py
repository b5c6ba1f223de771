"""Reading, chunking and query generation as ``generate`` does it, without writing anything."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from embedtune.advise.chunk_sizes import sizes_for
from embedtune.advise.evaluator import Bounds, Sample, draw_sample
from embedtune.config.settings import GenerateConfig
from embedtune.errors import DataError
from embedtune.evaluation.query_sets import read_judging
from embedtune.formats.judgements import share_judgements
from embedtune.models.encoder import Encoder, choose_precision, load_model
from embedtune.models.locate import find_model
from embedtune.models.readable_text import base_warnings
from embedtune.pipeline.make_dataset import prepare, read_for
from embedtune.synthesis.query_sampler import sample_queries
from embedtune.types import Passage, QuerySet, Source, Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

SYSTEMS = Bounds(passages=1000, tokens=300_000, queries=300)
"""The sample that all systems search, in one chunk size."""

CHUNKS = Bounds(passages=1000, tokens=100_000, queries=150)
"""The sample that is searched in every chunk size."""

MAX_TRAIN_QUERIES = 2048

MAX_PASSAGES = 5000
"""Passages from which queries are made and samples are drawn."""

_HALF_OF_DOCUMENTS = {"train": 0.5, "dev": 0.5, "test": 0.0}  # as many documents for evaluation as for training
_ALL_DOCUMENTS = {"train": 1.0, "dev": 0.0, "test": 0.0}


class CachingEncoder(Encoder):
    """Encodes no text twice, since every comparison searches the same windows; counts tokens and time of the passages.

    Attributes:
        document_tokens: Tokens of the encoded passages that the model sees.
        document_seconds: Time that their encoding took.
    """

    def __init__(self, model: SentenceTransformer, *, precision: str) -> None:
        super().__init__(model, precision=precision)
        self._queries: dict[str, Vectors] = {}
        self._documents: dict[str, Vectors] = {}
        self.document_tokens = 0
        self.document_seconds = 0.0

    def encode_queries(self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None) -> Vectors:
        """Return unit vectors ``(n, dim)``; see ``Encoder``."""
        if new := [text for text in dict.fromkeys(texts) if text not in self._queries]:
            self._queries.update(zip(new, super().encode_queries(new, on_progress), strict=True))
        return self._rows(self._queries, texts)

    def encode_documents(self, texts: Sequence[str], on_progress: Callable[[int], None] | None = None) -> Vectors:
        """Return unit vectors ``(n, dim)``; see ``Encoder``."""
        if new := [text for text in dict.fromkeys(texts) if text not in self._documents]:
            self.document_tokens += sum(min(count, self.window) for count in self.token_counts(new))
            started = time.perf_counter()
            self._documents.update(zip(new, super().encode_documents(new, on_progress), strict=True))
            self.document_seconds += time.perf_counter() - started
        return self._rows(self._documents, texts)

    def _rows(self, known: dict[str, Vectors], texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.model.get_embedding_dimension() or 0), dtype=np.float32)
        return np.stack([known[text] for text in texts])


@dataclass(frozen=True)
class Material:
    """A source in passages, with evaluation and train queries."""

    source: Source  # documents, and the queries that came with them
    base_folder: Path  # files of the base model
    base: CachingEncoder  # the base's encoder
    language: str  # of the corpus; empty where it was not recognised
    warnings: list[str]  # problems to fix first
    passages: Sequence[Passage]  # passages from which samples are drawn
    n_passages: int  # passages of the corpus
    corpus_tokens: int  # tokens of these
    judged: QuerySet  # all evaluation queries
    train: QuerySet  # all synthetic train queries
    synthetic: bool  # whether the evaluation queries are synthetic too

    def sample(self, seed: int) -> Sample:
        """Return the sample that all systems search."""
        return draw_sample(self.passages, self.judged, self.base.token_counts, SYSTEMS, seed)

    def chunk_sample(self, sample: Sample, seed: int) -> Sample:
        """Return the part of a sample that is searched in every chunk size."""
        return draw_sample(sample.passages, sample.judged, self.base.token_counts, CHUNKS, seed)

    def train_in(self, sample: Sample, seed: int) -> QuerySet:
        """Return the train queries whose passages are in a sample, at most 2,048."""
        ids = {passage.passage_id for passage in sample.passages}
        qrels = {query: {name: 1 for name in judged if name in ids} for query, judged in self.train.qrels.items()}
        queries = [query for query in self.train.queries if qrels[query.query_id]]
        kept = np.random.default_rng(seed).permutation(len(queries))[:MAX_TRAIN_QUERIES]
        return QuerySet("train", queries, qrels, "passage").subset(queries[row] for row in sorted(kept.tolist()))


def gather(config: GenerateConfig, queries: str | None, scratch: Path) -> Material:
    """Read a source, cut it into passages and make queries; without ``queries`` of people the evaluation queries are synthetic.

    Raises:
        ConfigError: If the base model cannot be used.
        DataError: If the source or the queries cannot be used.
    """
    base_folder = find_model(config.model)
    model = load_model(
        base_folder,
        query_prompt=config.query_prompt,
        document_prompt=config.document_prompt,
        trust_remote_code=config.trust_remote_code,
    )
    base = CachingEncoder(model, precision=choose_precision("auto"))
    source, survey = read_for(config, scratch)
    given = read_judging(queries, {document.document_id for document in source.documents}) if queries else None
    settings = _settings(config, source, base, _ALL_DOCUMENTS if given else _HALF_OF_DOCUMENTS)
    wanted = {name for judged in given.qrels.values() for name in judged} if given else frozenset()
    corpus, pool = prepare(source, base, settings, scratch, n_chars=survey.n_chars, wanted=wanted)
    synthetic, _ = sample_queries(pool, corpus.statistics, settings)
    judged = share_judgements(given, pool.passages) if given else synthetic["dev"]
    if not judged.queries:
        raise DataError(
            f"{source.name}: expected text to draw queries from, found too little in {len(source.documents)} documents",
            hint="add documents: a few pages of running text are the least; or give queries of your own with --queries",
        )
    warnings = base_warnings(config.model, base_folder, base, corpus.statistics.language, pool.passages)
    return Material(
        source=source,
        base_folder=base_folder,
        base=base,
        language=corpus.statistics.language,
        warnings=warnings,
        passages=pool.passages,
        n_passages=corpus.n_passages,
        corpus_tokens=corpus.window.corpus_tokens,
        judged=judged,
        train=synthetic["train"],
        synthetic=given is None,
    )


def _settings(config: GenerateConfig, source: Source, base: CachingEncoder, split: dict[str, float]) -> GenerateConfig:
    """Return settings that cut documents as large as the largest chunk to try: all sizes then search the same passages.

    Key phrases, which ``generate`` holds out, are not used: such queries favour BM25 far more than people's queries do
    (``docs/advise.md``).
    """
    changes: dict[str, object] = {
        "kinds": tuple(kind for kind in config.kinds if kind != config.held_out_kind) or config.kinds,
        "split": split,
        "max_query_passages": min(config.max_query_passages, MAX_PASSAGES),
        "queries_from": "generate",
        "generator": "extractive",
    }
    if not source.ready_made:
        changes["window_tokens"] = sizes_for(base.window, config.window_tokens)[-1]
    return GenerateConfig.model_validate({**config.model_dump(), **changes})
