from __future__ import annotations

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from embedtune.training.query_maps import QueryMap
from embedtune.training.towers import in_shape_of, two_towers

TEXTS = ["where is the boiler", "refund of an invoice", "charge the battery"]


def test_a_saved_map_loads_with_stock_modules_and_passages_are_the_base_to_the_bit(base, matrix, tmp_path):
    tower = two_towers(QueryMap(base, matrix).model, base)
    tower.save_pretrained(str(tmp_path / "model"))
    loaded = SentenceTransformer(str(tmp_path / "model"))
    assert np.array_equal(loaded.encode_document(TEXTS), base.encode_document(TEXTS))
    assert loaded.encode_query(TEXTS) == pytest.approx(QueryMap(base, matrix).model.encode_query(TEXTS), abs=1e-5)
    assert np.array_equal(loaded.encode(TEXTS), base.encode(TEXTS))  # who knows no queries gets passages


def test_the_base_in_the_shape_of_two_towers_computes_what_the_base_does(base, matrix):
    tower = two_towers(QueryMap(base, matrix).model, base)
    same = in_shape_of(tower, base)
    assert same.state_dict().keys() == tower.state_dict().keys()
    assert same.encode_query(TEXTS) == pytest.approx(base.encode_query(TEXTS), abs=1e-6)
    assert in_shape_of(base, base) is base
