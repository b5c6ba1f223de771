from __future__ import annotations

import pytest

from embedtune.export.openvino_graph import open_openvino, write_openvino_int8
from embedtune.models.encoder import Encoder

pytestmark = pytest.mark.slow
TEXTS = ["the lamp blinks orange", "rinse", " ".join(f"word{n}" for n in range(900))]


def test_openvino_gives_nearly_the_vectors_of_the_checkpoint_in_a_third_of_the_bytes(tower, tmp_path):
    write_openvino_int8(tower, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "openvino_model.bin", "openvino_model.xml", "tokenizer.json",
    ]  # fmt: skip
    with open_openvino(tmp_path) as compute:
        found = compute(TEXTS)
    expected = Encoder(tower.model).encode_queries_without_prompt(TEXTS)
    assert (found * expected).sum(axis=1).min() > 0.99
    weights = sum(weight.nbytes for weight in tower.model.parameters())
    assert (tmp_path / "openvino_model.bin").stat().st_size < weights / 2.5
