from __future__ import annotations

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

import embedtune
from embedtune.errors import DataError
from tests.small_runs import make_dataset


def test_labelled_passages_are_found_by_the_queries_they_answer(train):
    run, base_folder, record = train(method="passage-residuals", residual_learning_rate=0.02, residual_epochs=20)
    assert (record.method, record.shipped, record.passages, record.over) == (
        "passage-residuals",
        "tuned",
        "tuned",
        "base",
    )
    assert (record.queries, record.residuals, record.token_vectors) == (48, 48, "base")
    assert record.dev.gain > 0.3 and record.losses[-1] < record.losses[0]
    assert record.checks.mean_query_cosine_to_base == pytest.approx(1)
    base = SentenceTransformer(str(base_folder))
    tuned = SentenceTransformer(str(run / "model" / "merged"), trust_remote_code=True)
    assert np.array_equal(tuned.encode_query(["item 7919"]), base.encode_query(["item 7919"]))
    measured = embedtune.evaluate(embedtune.EvaluateConfig(), run).record
    tuned, before = (measured.systems[name]["ndcg@10"] for name in ("tuned", "base"))
    assert tuned > before + 0.3
    assert measured.forgetting.strengths == []  # the base has no residuals to interpolate
    assert "trust_remote_code" in (run / "eval" / "model_card.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("over", [pytest.param("linear", marks=pytest.mark.slow), "lora"])
def test_residuals_build_on_what_was_best_before(train, over):
    settings = {"residual_learning_rate": 0.02, "residual_epochs": 10, "learning_rate": 1e-2, "epochs": 8}
    _, _, record = train(method="auto", auto_methods=(over, "passage-residuals"), **settings)
    assert record.candidates[0].gain > 0
    assert (record.method, record.over, record.passages) == ("passage-residuals", over, "tuned")


def test_generated_queries_have_no_labels(passages, tmp_path_factory, train):
    run, source = tmp_path_factory.mktemp("generated") / "run", tmp_path_factory.mktemp("source")
    for number, passage in enumerate(passages[:60]):
        (source / f"{number}.txt").write_text(passage.text, encoding="utf-8")
    base = make_dataset(run, source, tmp_path_factory.mktemp("base"))
    with pytest.raises(DataError, match="judgements"):
        train.again((run, base), method="passage-residuals")
    _, _, record = train.again((run, base), method="auto", auto_methods=("pca", "passage-residuals"))
    assert [candidate.method for candidate in record.candidates] == ["pca"]
