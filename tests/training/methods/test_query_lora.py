from __future__ import annotations

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

import embedtune

TEXTS = ["plates come out cloudy", "stitches skip"]


@pytest.mark.parametrize(("method", "teacher"), [("query-lora", "hybrid"), ("linear", "bm25")])
def test_queries_learn_and_passages_stay_the_base_to_the_bit(train, method, teacher):
    run, base_folder, record = train(method=method, teacher=teacher)
    assert record.shipped == "tuned"
    assert record.queries_only
    assert record.losses[-1] < record.losses[0]
    base, tuned = SentenceTransformer(str(base_folder)), SentenceTransformer(str(run / "model" / "merged"))
    assert np.array_equal(tuned.encode_document(TEXTS), base.encode_document(TEXTS))
    assert np.abs(tuned.encode_query(TEXTS) - base.encode_query(TEXTS)).max() > 1e-3
    assert (run / "model" / "adapter").exists() == (method == "query-lora")


def test_eval_searches_the_index_of_the_base_and_ships_the_query_side(train):
    run, _, _ = train(method="query-lora", teacher="hybrid")
    record = embedtune.evaluate(embedtune.EvaluateConfig(), run).record
    assert record.systems["tuned"]["ndcg@10"] > record.systems["base"]["ndcg@10"]
    assert record.verdict.decision in {"ship_query_side", "use_fusion", "inconclusive"}
    assert record.forgetting.strengths
    (drift,) = [each.drift for each in record.forgetting.sets.values()]
    assert drift.passage_cosine == pytest.approx(1)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_with_and_without_the_cache(train):
    first, _, _ = train(method="query-lora", teacher="hybrid")
    second, _, _ = train.again(method="query-lora", teacher="hybrid")
    weights = sorted(path.relative_to(first) for path in (first / "model").rglob("*.safetensors"))
    assert len(weights) == 3  # the adapter and two towers
    assert all((first / path).read_bytes() == (second / path).read_bytes() for path in weights)
