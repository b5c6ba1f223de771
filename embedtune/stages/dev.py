"""The dev set of a training, from a dataset's dev split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from embedtune.cloze import remove_closest_sentence
from embedtune.config import GenerateConfig, TrainConfig
from embedtune.evaluation.dev_set import DevQuery, DevSet, Shown
from embedtune.records import Dataset, Passage, Query
from embedtune.retrieval.encoder import Encoder
from embedtune.stages.corpus import corpus_windows, relevant_passages


def build_dev_set(dataset: Dataset, base: Encoder, made: GenerateConfig, config: TrainConfig) -> DevSet:
    """Build dev retrieval; a generated query meets its passages without the sentence it was drawn from."""

    def shown(passages: Sequence[Passage]) -> list[Shown]:
        windows = corpus_windows(passages, base, made.window_tokens, made.window_overlap).by_passage()
        return [Shown(passage.full_text, texts) for passage, texts in zip(passages, windows, strict=True)]

    labelled = dataset.splits["dev"]
    relevant = relevant_passages(labelled, dataset.passages)
    chosen = np.random.default_rng(config.seed).permutation(len(labelled.queries))[: config.max_dev_queries]
    queries = []
    for query in (labelled.queries[number] for number in sorted(chosen.tolist())):
        met = [_as_met(dataset.passages[index], query) for index in relevant[query.query_id]]
        queries.append(DevQuery(query.text, dict(zip(relevant[query.query_id], shown(met), strict=True))))
    return DevSet(queries, shown(dataset.passages), max_windows=config.max_dev_windows, seed=config.seed)


def _as_met(passage: Passage, query: Query) -> Passage:
    if query.kind == "source":
        return passage
    return passage._replace(text=remove_closest_sentence(passage.text, query.text, keep=0.0))
