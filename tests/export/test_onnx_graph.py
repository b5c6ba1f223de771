from __future__ import annotations

import numpy as np
import pytest

from embedtune.export.onnx_graph import INPUTS, OUTPUTS, open_onnx, write_onnx, write_onnx_int8
from embedtune.models.encoder import Encoder

pytestmark = pytest.mark.slow
TEXTS = ["the lamp blinks orange", "rinse", " ".join(f"word{n}" for n in range(900))]


def test_onnx_runtime_gives_the_vectors_of_the_checkpoint_and_int8_nearly(tower, tmp_path):
    import onnxruntime

    expected = Encoder(tower.model).encode_queries_without_prompt(TEXTS)
    for name, write, least in (("fp32", write_onnx, 1 - 1e-5), ("int8", write_onnx_int8, 0.9)):
        folder = tmp_path / name
        folder.mkdir()
        write(tower, folder)
        assert sorted(path.name for path in folder.iterdir()) == ["model.onnx", "tokenizer.json"]
        with open_onnx(folder) as compute:
            found = compute(TEXTS)
        assert (found * expected).sum(axis=1).min() >= least
        assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-5
    session = onnxruntime.InferenceSession(str(tmp_path / "fp32" / "model.onnx"), providers=["CPUExecutionProvider"])
    assert tuple(each.name for each in session.get_inputs()) == INPUTS
    assert tuple(each.name for each in session.get_outputs()) == OUTPUTS


def test_a_cut_vector_is_the_first_components_at_unit_length(tower, tmp_path):
    write_onnx(tower._replace(dimension=16), tmp_path)
    expected = Encoder(tower.model).encode_queries_without_prompt(TEXTS)[:, :16]
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    with open_onnx(tmp_path) as compute:
        assert np.abs(compute(TEXTS) - expected).max() < 1e-5
