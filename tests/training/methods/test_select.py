from __future__ import annotations

from typing import get_args

import numpy as np
from sentence_transformers import SentenceTransformer

import embedtune
from embedtune.config.training import MethodName
from embedtune.training.methods.select import METHODS, why_shipped
from embedtune.training.selection import Decision, Expectation

TEXTS = ["plates come out cloudy", "stitches skip"]


def test_every_method_that_can_be_set_is_registered():
    assert set(METHODS) == set(get_args(MethodName))


def test_a_gain_within_noise_is_shipped_with_its_risk():
    assert why_shipped(Decision("tuned", 1.0, 0.02, 0.01)) == "better than the base"
    assert "a chance of 16% that it is worse" in why_shipped(Decision("tuned", 1.0, 0.01, 0.01))
    elsewhere = why_shipped(Decision("tuned", 1.0, -0.01, 0.05, Expectation(0.01, 0.01)))
    assert elsewhere == (
        "within noise on dev; expected with what labels gain elsewhere: +0.010, a chance of 16% that it is worse"
    )


def test_auto_tries_each_method_and_says_why(train, caplog):
    run, _, record = train(method="auto", auto_methods=("pca", "linear"))
    assert [each.method for each in record.candidates] == ["pca", "linear"]
    assert all(each.reason for each in record.candidates)
    assert record.method in {"pca", "linear"}
    assert 0 < record.candidates[0].directions < 64
    record = embedtune.evaluate(embedtune.EvaluateConfig(), run).record
    assert "base_pca" in record.systems


def test_a_selection_that_gains_nothing_ships_the_base(train):
    still = {**train.settings["query_side"], "learning_rate": 1e-9, "linear_learning_rate": 1e-9, "epochs": 1}
    run, base_folder, record = train(method="auto", auto_methods=("linear", "query-lora"), query_side=still)
    assert record.shipped == "base"
    assert not record.queries_only
    assert all("training hardly moved the model" in each.reason for each in record.candidates)
    assert "linear_learning_rate" in record.candidates[0].reason and record.reason in record.why_base
    base, shipped = SentenceTransformer(str(base_folder)), SentenceTransformer(str(run / "model" / "merged"))
    assert np.array_equal(shipped.encode(TEXTS), base.encode(TEXTS))


def test_a_training_that_ruins_the_model_is_not_called_noise(train, worded):
    _, _, record = train.again(worded, method="full", learning_rate=0.5, distill_weight=0, strengths=(1.0,))
    assert record.shipped == "base"
    assert "training collapsed" in record.reason or "training diverged" in record.reason
    assert "lower train.learning_rate" in record.reason
