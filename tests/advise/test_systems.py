"""Every system on one sample."""

from __future__ import annotations

import numpy as np
import pytest

from embedtune.advise.evaluator import lexical_scores
from embedtune.advise.systems import measure_systems
from embedtune.dataset import Dataset
from embedtune.retrieval.fusion import DEFAULT_WEIGHT, z_score_sum
from embedtune.types import QuerySet


def test_all_systems_are_there_and_are_what_they_are_called(judge, context):
    found = measure_systems(judge, context)
    names = {"bm25", "base", "base_pca", "query_adapter", "hybrid_base", "rrf_base", "hybrid_query_adapter"}
    assert set(found.scores) == set(found.runs) == names
    assert set(found.compared) == {
        ("bm25", "base"), ("base_pca", "base"), ("hybrid_base", "base"), ("hybrid_base", "bm25"), ("rrf_base", "base"),
        ("query_adapter", "base"), ("hybrid_query_adapter", "hybrid_base"),
    }  # fmt: skip
    assert found.runs["base"] == judge.run(context.retrieval.base)
    fused = judge.run(z_score_sum(context.retrieval.base, lexical_scores(context.dev), DEFAULT_WEIGHT))
    assert found.runs["hybrid_base"] == fused
    assert not np.array_equal(found.scores["query_adapter"]["mrr@10"], found.scores["base"]["mrr@10"])
    gain = found.compared["hybrid_base", "base"]
    assert gain.difference == pytest.approx(
        found.scores["hybrid_base"]["ndcg@10"].mean() - found.scores["base"]["ndcg@10"].mean()
    )


def test_with_few_train_queries_no_map_is_tried(judge, context):
    import dataclasses

    none = QuerySet("train", [], {}, "passage")
    small = dataclasses.replace(context, dataset=Dataset(context.dataset.passages, {"train": none}))
    assert set(measure_systems(judge, small).scores) == {"bm25", "base", "hybrid_base", "rrf_base"}
