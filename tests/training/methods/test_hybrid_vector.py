from __future__ import annotations

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

import embedtune
from embedtune.training.methods.hybrid_vector import _same_share

TEXTS = ["plates come out cloudy", "stitches skip"]


@pytest.mark.parametrize(
    "auto_methods", [pytest.param(("hybrid-vector",), marks=pytest.mark.slow), ("linear", "hybrid-vector")]
)
def test_words_stand_beside_the_vectors_of_what_was_best_before(train, worded, auto_methods):
    run, base_folder, record = train.again(worded, method="auto", auto_methods=auto_methods, sketch_dimensions=256)
    assert (record.method, record.shipped, record.queries_only) == ("hybrid-vector", "tuned", False)
    assert record.over == ([*auto_methods[:-1], "base"])[0]
    assert "trust_remote_code=True" in record.loading
    assert record.fusion_weights["tuned"] > record.fusion_weights["base"]
    base = SentenceTransformer(str(base_folder))
    tuned = SentenceTransformer(str(run / "model" / "merged"), trust_remote_code=True)
    vectors, plain = tuned.encode_document(TEXTS), base.encode_document(TEXTS, normalize_embeddings=True)
    assert vectors.shape == (2, plain.shape[1] + 256)
    meaning = vectors[:, : plain.shape[1]] / np.linalg.norm(vectors[:, : plain.shape[1]], axis=1, keepdims=True)
    assert meaning == pytest.approx(plain, abs=1e-6)
    measured = embedtune.evaluate(embedtune.EvaluateConfig(), run).record
    assert {"base", "tuned", "hybrid_tuned"} <= measured.systems.keys()
    assert measured.forgetting.strengths == []  # no line leads from short vectors to long ones


def test_fusion_leaves_words_the_share_that_they_have_with_the_base():
    for weight, share in ((0.5, 0.35), (0.8, 0.0875), (0.6, 0.23)):
        spread = (1 + share**2) ** 0.5
        tuned = _same_share(weight, share, spread)
        words, meaning = tuned * share / spread + 1 - tuned, tuned / spread
        assert words / meaning == pytest.approx((1 - weight) / weight, rel=0.25)  # to a twentieth
        assert tuned > weight
