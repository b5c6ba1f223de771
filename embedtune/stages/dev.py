"""The dev set of a training, from a dataset's dev split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from embedtune.cloze import remove_closest_sentence
from embedtune.config import GenerateConfig, TrainConfig
from embedtune.evaluation.dev_set import DevQuery, DevSet, Shown
from embedtune.records import DRAWN_KINDS, Dataset, Passage, Query, QuerySet
from embedtune.retrieval.encoder import Encoder
from embedtune.stages.corpus import OnDemand, relevant_passages, windows_of
from embedtune.stages.grouping import group_queries


def build_dev_set(dataset: Dataset, base: Encoder, made: GenerateConfig, config: TrainConfig) -> DevSet:
    """Build dev retrieval; a share of the drawn queries meet their passages without the sentence they were drawn from."""

    def shown(passages: Sequence[Passage]) -> Sequence[Shown]:
        windows = windows_of(passages, base, made.window_tokens, made.window_overlap)
        return OnDemand(len(passages), lambda number: Shown(passages[number].full_text, windows[number]))

    labelled = dataset.splits["dev"]
    relevant = relevant_passages(labelled, dataset.passages)
    draw = np.random.default_rng(config.seed)
    chosen = draw.permutation(len(labelled.queries))[: config.max_dev_queries]
    removed = draw.random(len(labelled.queries)) < config.removal
    numbers = sorted(chosen.tolist())
    clusters = group_queries(_only(labelled, numbers), dataset.passages).labels
    queries = []
    for number, cluster in zip(numbers, clusters, strict=True):
        query = labelled.queries[number]
        drawn = query.kind in DRAWN_KINDS
        met = [dataset.passages[index] for index in relevant[query.query_id]]
        if drawn and removed[number]:
            met = [without_source(passage, query) for passage in met]
        answers = dict(zip(relevant[query.query_id], shown(met), strict=True))
        queries.append(DevQuery(query.text, answers, drawn and not removed[number], cluster))
    return DevSet(queries, shown(dataset.passages), max_windows=config.max_dev_windows, seed=config.seed)


def _only(labelled: QuerySet, numbers: Sequence[int]) -> QuerySet:
    queries = [labelled.queries[number] for number in numbers]
    qrels = {query.query_id: labelled.qrels[query.query_id] for query in queries}
    return QuerySet(labelled.name, queries, qrels, labelled.judges)


def without_source(passage: Passage, query: Query) -> Passage:
    """Return a passage without the sentence that a query was drawn from."""
    return passage._replace(text=remove_closest_sentence(passage.text, query.text, keep=0.0))
