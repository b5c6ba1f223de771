"""Reading, chunking and query generation as ``generate`` does it, without writing anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embedtune.advise.caching_encoder import CachingEncoder
from embedtune.advise.chunk_sizes import sizes_for
from embedtune.advise.sample import Bounds, Sample, draw_sample
from embedtune.config.settings import GenerateConfig
from embedtune.errors import DataError
from embedtune.evaluation.query_sets import read_judging
from embedtune.formats.judgements import share_judgements
from embedtune.models.encoder import choose_precision, load_model
from embedtune.models.language_fit import language_warning
from embedtune.models.locate import find_model
from embedtune.pipeline.make_dataset import prepare, read_for
from embedtune.synthesis.query_sampler import sample_queries
from embedtune.types import Passage, QuerySet, Source

SYSTEMS = Bounds(passages=1000, tokens=300_000, queries=300)
"""What is searched by all systems, in one size of chunk."""


CHUNKS = Bounds(passages=1000, tokens=100_000, queries=150)
"""What is searched in every size of chunk."""


MAX_TRAIN_QUERIES = 2048


MAX_PASSAGES = 5000
"""Passages that queries are drawn from, and among which the sample is drawn."""


_DRAWN_FOR_JUDGING = {"train": 0.5, "dev": 0.5, "test": 0.0}  # as many documents judge as teach


_DRAWN_FOR_TRAINING = {"train": 1.0, "dev": 0.0, "test": 0.0}


@dataclass(frozen=True)
class Material:
    """A source, cut, with the queries that judge and those that teach.

    Attributes:
        source: What was read.
        base_folder: Files of the base model.
        base: The base's encoder.
        language: Of the corpus; empty where it was not recognised.
        warnings: What should be mended before anything else.
        passages: Passages that the sample is drawn from.
        n_passages: Passages of the corpus.
        corpus_tokens: Tokens of these.
        judged: Queries that judge, all of them.
        train: Drawn queries that teach, all of them.
        drawn: Whether those that judge were drawn by rules.
    """

    source: Source
    base_folder: Path
    base: CachingEncoder
    language: str
    warnings: list[str]
    passages: Sequence[Passage]
    n_passages: int
    corpus_tokens: int
    judged: QuerySet
    train: QuerySet
    drawn: bool

    def sample(self, seed: int) -> Sample:
        """Return what all systems search."""
        return draw_sample(self.passages, self.judged, self.base.token_counts, SYSTEMS, seed)

    def chunk_sample(self, sample: Sample, seed: int) -> Sample:
        """Return the part of a sample that is searched in every size of chunk."""
        return draw_sample(sample.passages, sample.judged, self.base.token_counts, CHUNKS, seed)

    def train_in(self, sample: Sample, seed: int) -> QuerySet:
        """Return the queries that were drawn from passages of a sample, at most 2,048."""
        held = {passage.passage_id for passage in sample.passages}
        qrels = {query: {name: 1 for name in judged if name in held} for query, judged in self.train.qrels.items()}
        queries = [query for query in self.train.queries if qrels[query.query_id]]
        kept = np.random.default_rng(seed).permutation(len(queries))[:MAX_TRAIN_QUERIES]
        chosen = [queries[number] for number in sorted(kept.tolist())]
        return QuerySet("train", chosen, {query.query_id: qrels[query.query_id] for query in chosen}, "passage")


def gather(config: GenerateConfig, queries: str | None, scratch: Path) -> Material:
    """Read and cut a source, and draw queries.

    Args:
        config: As for ``generate``.
        queries: Queries of people; None draws those that judge too.
        scratch: A folder that vanishes afterwards.

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
    settings = _drawing_settings(config, source, base, drawn=given is None)
    wanted = {name for judged in given.qrels.values() for name in judged} if given else frozenset()
    corpus, pool = prepare(source, base, settings, scratch, n_chars=survey.n_chars, wanted=wanted)
    drawn, _ = sample_queries(pool, corpus.statistics, settings)
    judged = share_judgements(given, pool.passages) if given else drawn["dev"]
    _demand(judged, source)
    warning = language_warning(
        config.model, base_folder, base, corpus.statistics.language, [passage.text for passage in pool.passages]
    )
    return Material(
        source=source,
        base_folder=base_folder,
        base=base,
        language=corpus.statistics.language,
        warnings=[warning] if warning else [],
        passages=pool.passages,
        n_passages=corpus.n_passages,
        corpus_tokens=corpus.window.corpus_tokens,
        judged=judged,
        train=drawn["train"],
        drawn=given is None,
    )


def _drawing_settings(config: GenerateConfig, source: Source, base: CachingEncoder, *, drawn: bool) -> GenerateConfig:
    """Cut own documents as large as the largest chunk that is tried: all sizes are then judged by the same stretches.

    The kind of query that ``generate`` holds out, key phrases, is left out: such handfuls of words favour BM25 far more than
    people's queries do (``docs/advise.md``).
    """
    changes: dict[str, object] = {
        "kinds": tuple(kind for kind in config.kinds if kind != config.held_out_kind) or config.kinds,
        "split": _DRAWN_FOR_JUDGING if drawn else _DRAWN_FOR_TRAINING,
        "max_query_passages": min(config.max_query_passages, MAX_PASSAGES),
        "queries_from": "generate",
        "generator": "extractive",
    }
    if not source.ready_made:
        changes["window_tokens"] = sizes_for(base.window, config.window_tokens)[-1]
    return GenerateConfig.model_validate({**config.model_dump(), **changes})


def _demand(judged: QuerySet, source: Source) -> None:
    if not judged.queries:
        raise DataError(
            f"{source.name}: expected text to draw queries from, found too little in {len(source.documents)} documents",
            hint="add documents: a few pages of running text are the least; or give queries of your own with --queries",
        )
