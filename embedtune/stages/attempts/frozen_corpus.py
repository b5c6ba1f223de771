"""The corpus as query-side methods see it: frozen vectors of the base."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from embedtune.progress import track
from embedtune.records import Query
from embedtune.retrieval.base_model import hash_model
from embedtune.retrieval.encoder import Vectors
from embedtune.retrieval.windows import Windows
from embedtune.stages.attempts.attempt import Context
from embedtune.stages.corpus import corpus_windows


class FrozenCorpus(NamedTuple):
    """What the base makes of the corpus, or of a sample where it is large.

    Attributes:
        passages: Numbers of the passages in the dataset.
        windows: Of these passages.
        vectors: Of the windows, ``(n_windows, dim)``.
    """

    passages: list[int]
    windows: Windows
    vectors: Vectors


@lru_cache(maxsize=1)  # the rungs of one ladder look at the same
def encode_corpus(context: Context) -> FrozenCorpus:
    """Encode the corpus with the base, or take its vectors from the disk. It needs no train query."""
    passages = context.sample_passages(sources_of(context, sample_queries(context)))
    windows = corpus_windows(
        [context.dataset.passages[number] for number in passages],
        context.base,
        context.made.window_tokens,
        context.made.window_overlap,
    )
    with track("encode: base", len(set(windows.texts))) as report:
        vectors = context.vectors.documents(context.base, hash_model(context.base_folder), windows.texts, report)
    return FrozenCorpus(passages, windows, vectors)


def sample_queries(context: Context) -> list[Query]:
    """Return the train queries that are learnt from, at most ``max_queries``."""
    queries = context.dataset.splits["train"].queries
    order = np.random.default_rng(context.config.seed).permutation(len(queries))
    return [queries[number] for number in sorted(order[: context.config.query_side.max_queries].tolist())]


def sources_of(context: Context, queries: Sequence[Query]) -> list[int]:
    """Return the numbers of the passages that are an answer to some of these queries."""
    relevant = context.relevant()
    return sorted({passage for query in queries for passage in relevant[query.query_id]})
