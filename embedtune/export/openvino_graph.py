"""OpenVINO: the graph that ``export.onnx_graph`` describes, with weights in int8, as Intel's runtime loads it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedtune.export.engines import Compute, Tokenized
from embedtune.export.onnx_graph import INPUTS, OUTPUTS, as_graph
from embedtune.export.towers import Tower, save_tokenizer
from embedtune.extras import requires
from embedtune.machine import threads
from embedtune.quiet import quiet_libraries
from embedtune.types import Vectors

_FILE = "openvino_model.xml"


def write_openvino_int8(tower: Tower, folder: Path) -> None:
    """Write ``openvino_model.xml`` and ``.bin`` with weights in int8, one scale for each channel, and ``tokenizer.json``.

    Weights alone are rounded, so that vectors hardly move; activations stay as they are.
    """
    with requires("embedtune[export]", where="--format"), quiet_libraries():
        import nncf
        import openvino
        import torch

    logging.getLogger("nncf").setLevel(logging.ERROR)
    example = {name: torch.ones((2, 8), dtype=torch.int64) for name in INPUTS}
    with quiet_libraries(), torch.no_grad():
        model = openvino.convert_model(as_graph(tower), example_input=example)
        for output, name in zip(model.outputs, OUTPUTS, strict=True):
            output.get_tensor().set_names({name})
        model = nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_SYM)
        openvino.save_model(model, str(folder / _FILE), compress_to_fp16=False)
    save_tokenizer(tower, folder)


@contextmanager
def open_openvino(folder: Path) -> Iterator[Compute]:
    """Load an exported tower with OpenVINO, on the CPU, in fp32."""
    with requires("embedtune[export]", where="--format"):
        import openvino

    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads()}
    model = openvino.Core().compile_model(str(folder / _FILE), "CPU", options)
    request = model.create_infer_request()

    def run(ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Vectors:
        vectors: Vectors = request.infer(dict(zip(INPUTS, (ids, mask), strict=True)))[OUTPUTS[1]]
        return vectors

    yield Tokenized(folder, run)
