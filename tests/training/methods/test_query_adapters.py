from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

import embedtune
from embedtune.config.training import TrainConfig
from embedtune.dataset import Dataset
from embedtune.training.losses import FrozenPassages
from embedtune.training.methods import data as teaching
from embedtune.training.methods.query_adapters import LinearQueryAdapter, fit_linear
from embedtune.types import Passage, Query, QuerySet

TEXTS = ["where is the boiler", "refund of an invoice", "charge the battery"]


def mapped(vectors, matrix):
    return functional.normalize(torch.from_numpy(vectors) @ matrix.T, dim=-1).numpy()


def test_a_map_moves_the_query_vector_and_leaves_the_base(base, matrix):
    before = base.encode_query(TEXTS)
    found = LinearQueryAdapter(base, matrix).model.encode_query(TEXTS)
    assert found == pytest.approx(mapped(before, matrix), abs=1e-5)
    assert np.array_equal(base.encode_query(TEXTS), before)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_strength_goes_from_the_identity_to_the_map(base, matrix, strength):
    found = LinearQueryAdapter(base, matrix).merge_into(base, strength).encode_query(TEXTS)
    wanted = torch.eye(384) + strength * (matrix - torch.eye(384))
    assert found == pytest.approx(mapped(base.encode_query(TEXTS), wanted), abs=1e-5)


def test_folding_scales_for_good(base, matrix):
    method = LinearQueryAdapter(base, matrix)
    method.fold(0.5)
    assert method.model.encode_query(TEXTS) == pytest.approx(
        LinearQueryAdapter(base, matrix).merge_into(base, 0.5).encode_query(TEXTS), abs=1e-6
    )


def test_a_fitted_map_finds_what_the_teacher_wants_and_is_the_same_again():
    generator = torch.Generator().manual_seed(0)
    vectors = functional.normalize(torch.randn(12, 16, generator=generator), dim=-1)
    queries = functional.normalize(vectors.roll(3, dims=1) + 0.1 * torch.randn(12, 16, generator=generator), dim=-1)
    side = {"linear_learning_rate": 0.02, "batch_size": 6, "epochs": 40, "hubness_weight": 0.0}
    config = TrainConfig(weight_decay=0.0, seed=0, query_side=side)
    passages = FrozenPassages(vectors, list(range(12)))
    found, losses = fit_linear(queries, passages, lambda rows: torch.eye(12)[rows], config, temperature=0.05)
    hits = (functional.normalize(queries @ found.T, dim=-1) @ vectors.T).argmax(dim=1)
    assert hits.tolist() == list(range(12))
    assert losses[-1] < losses[0]
    assert torch.equal(
        found, fit_linear(queries, passages, lambda rows: torch.eye(12)[rows], config, temperature=0.05)[0]
    )


def test_a_projection_that_reorders_nothing_gains_nothing(base_folder, tmp_path):
    things = [
        "kettle",
        "lamp",
        "pump",
        "drill",
        "heater",
        "scanner",
        "printer",
        "radio",
        "camera",
        "scale",
        "clock",
        "fan",
    ]
    texts = [
        f"The {thing} blinks twice. Its tank holds {n} cups. Rinse the {thing} weekly."
        for n, thing in enumerate(things)
    ]
    passages = [Passage(f"p{n}", f"d{n}", "", text, 0, len(text)) for n, text in enumerate(texts)]
    queries = [Query(f"q{n}", f"the {thing} blinks twice", "span") for n, thing in enumerate(things)]
    qrels = {query.query_id: {f"p{n}": 1} for n, query in enumerate(queries)}
    dev = QuerySet("dev", queries, qrels, "passage")
    dataset = Dataset(passages, {"train": dev, "dev": dev, "test": QuerySet("test", [], {}, "passage")})
    result = embedtune.tune(str(base_folder), dataset, "pca", sentence_dropout=1.0)  # 12 passages, 64 dimensions
    assert (result.kept, result.gain) == ("base", 0.0)


def test_principal_directions_need_no_train_query_and_no_teacher(train, monkeypatch):
    monkeypatch.setattr(teaching, "_scorer", None)
    _, _, record = train(method="pca", query_side={"batch_size": 5000})
    assert record.method == "pca"
    assert 0 < record.directions < 64
