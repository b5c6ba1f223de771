from __future__ import annotations

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from embedtune.models.encoder import load_model
from embedtune.models.hybrid_vector import BM25Sketch, HybridVector
from embedtune.models.passage_residuals import PassageResiduals

TEXTS = ["plates come out cloudy", "stitches skip"]


@pytest.fixture
def dense(tiny_base):
    return load_model(tiny_base)


def _hybrid(dense):
    return HybridVector(dense, BM25Sketch.fit(TEXTS, 64), scale=1.0, longest=2.0)


def _residuals(dense):
    return PassageResiduals(dense, torch.zeros(1, dense.get_embedding_dimension()), {1 << 63: 0})


@pytest.mark.parametrize(("wrap", "further"), [(_hybrid, 65), (_residuals, 0)])
def test_the_dense_model_is_shown_through_and_saved_to_load_by_itself(dense, tmp_path, wrap, further):
    module = wrap(dense)
    assert module.tokenizer is dense.tokenizer
    assert module.get_embedding_dimension() == dense.get_embedding_dimension() + further
    module.max_seq_length = 12
    assert dense.max_seq_length == module.max_seq_length == 12
    module.save(str(tmp_path))
    again = type(module).load(str(tmp_path))
    assert again.get_embedding_dimension() == module.get_embedding_dimension()
    alone = SentenceTransformer(str(tmp_path / "dense"))
    assert np.array_equal(alone.encode(TEXTS), dense.encode(TEXTS))
