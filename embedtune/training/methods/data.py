"""The data that methods train on: a dataset as the base model sees it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from embedtune.config.settings import GenerateConfig, TrainConfig
from embedtune.dataset import Dataset
from embedtune.models.encoder import Encoder
from embedtune.progress import track
from embedtune.retrieval.windows import Windows, corpus_windows, relevant_passages, windows_of
from embedtune.types import Progress, Query, Vectors


class FrozenCorpus(NamedTuple):
    """The base's vectors of the corpus, or of a sample where it is large.

    Attributes:
        passages: Numbers of the passages in the dataset.
        windows: Of these passages.
        vectors: Of the windows, ``(n_windows, dim)``.
    """

    passages: list[int]
    windows: Windows
    vectors: Vectors


@dataclass(frozen=True, eq=False)
class TrainingData:
    """A dataset as the base model sees it; whatever takes long is computed once.

    Attributes:
        config: How to train.
        dataset_config: How the dataset was made.
        dataset: Passages, queries and judgements.
        base: The base model's encoder.
        encode_corpus: Encodes the windows of the corpus with the base, or returns the vectors of an earlier call.
    """

    config: TrainConfig
    dataset_config: GenerateConfig
    dataset: Dataset
    base: Encoder
    encode_corpus: Callable[[Sequence[str], Progress], Vectors]

    @cached_property
    def relevant(self) -> dict[str, list[int]]:
        """For each train query the numbers of its passages."""
        return relevant_passages(self.dataset.splits["train"], self.dataset.passages)

    @cached_property
    def windows(self) -> Sequence[list[str]]:
        """The windows of each passage, split when they are first looked at."""
        return windows_of(
            self.dataset.passages, self.base, self.dataset_config.window_tokens, self.dataset_config.window_overlap
        )

    @cached_property
    def frozen_corpus(self) -> FrozenCorpus:
        """The corpus by the base; it needs no train query."""
        numbers = self.sample_passages(self.sources_of(self.sample_queries()))
        windows = corpus_windows(
            [self.dataset.passages[number] for number in numbers],
            self.base,
            self.dataset_config.window_tokens,
            self.dataset_config.window_overlap,
        )
        with track("encode: base", len(set(windows.texts))) as on_progress:
            return FrozenCorpus(numbers, windows, self.encode_corpus(windows.texts, on_progress))

    def sample_passages(self, required: Collection[int] = ()) -> list[int]:
        """Return the numbers of at most ``max_passages`` passages, the required ones among them."""
        n, most = len(self.dataset.passages), self.config.query_side.max_passages
        if n <= most:
            return list(range(n))
        order = np.random.default_rng(self.config.seed).permutation(n).tolist()
        known = set(required)
        others = [passage for passage in order if passage not in known]
        return sorted([*known, *others[: max(0, most - len(known))]])

    def sample_queries(self) -> list[Query]:
        """Return at most ``max_queries`` train queries."""
        queries = self.dataset.splits["train"].queries
        order = np.random.default_rng(self.config.seed).permutation(len(queries))
        return [queries[number] for number in sorted(order[: self.config.query_side.max_queries].tolist())]

    def sources_of(self, queries: Sequence[Query]) -> list[int]:
        """Return the numbers of the passages that are an answer to some of these queries."""
        return sorted({passage for query in queries for passage in self.relevant[query.query_id]})
