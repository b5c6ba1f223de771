"""ONNX: the whole encoder as one graph, from token ids to the unit vector, so that a client needs a tokenizer and nothing else.

The graph has the inputs ``input_ids`` and ``attention_mask`` and the outputs ``last_hidden_state`` and ``sentence_embedding``,
as servers that load ONNX models name them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embedtune.export.engines import Compute, Tokenized
from embedtune.export.towers import Tower, save_tokenizer
from embedtune.extras import requires
from embedtune.machine import threads
from embedtune.quiet import quiet_libraries
from embedtune.types import Vectors

if TYPE_CHECKING:
    from torch import Tensor, nn

MODEL = "model.onnx"
INPUTS = ("input_ids", "attention_mask")
OUTPUTS = ("last_hidden_state", "sentence_embedding")
_OPSET = 20


def write_onnx(tower: Tower, folder: Path) -> None:
    """Write ``model.onnx`` and ``tokenizer.json``, in fp32."""
    with requires("embedtune[export]", where="--format"):
        import onnxscript  # noqa: F401 (torch's exporter needs it, and says so late)
        import torch

    model = as_graph(tower)
    ids, mask = (torch.ones((2, 8), dtype=torch.int64) for _ in INPUTS)  # one tensor for both would be one input
    sizes = {0: torch.export.Dim("batch"), 1: torch.export.Dim("sequence")}
    with quiet_libraries(), warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of torch's own code
        torch.onnx.export(
            model,
            (ids, mask),
            str(folder / MODEL),
            input_names=list(INPUTS),
            output_names=list(OUTPUTS),
            dynamic_shapes=dict.fromkeys(INPUTS, sizes),
            opset_version=_OPSET,
            external_data=False,
            dynamo=True,
            verbose=False,
        )
    save_tokenizer(tower, folder)


def write_onnx_int8(tower: Tower, folder: Path) -> None:
    """Write the same with weights in int8, one scale for each output channel; activations are rounded as they come."""
    write_onnx(tower, folder)
    with requires("embedtune[export]", where="--format"):
        from onnxruntime.quantization import QuantType, quantize_dynamic

    whole = folder / "whole.onnx"
    (folder / MODEL).rename(whole)
    with quiet_libraries():
        quantize_dynamic(str(whole), str(folder / MODEL), weight_type=QuantType.QInt8, per_channel=True)
    whole.unlink()


def as_graph(tower: Tower) -> nn.Module:
    """Return the chain of a tower as a module: token ids and mask → token vectors and unit vectors ``(n, dimension)``."""
    import torch

    class Graph(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.chain = torch.nn.ModuleList(tower.model)

        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
            features: dict[str, Any] = {"input_ids": input_ids, "attention_mask": attention_mask}
            for module in self.chain:
                features = module(features)
            vectors = features["sentence_embedding"][:, : tower.dimension]
            return features["token_embeddings"], torch.nn.functional.normalize(vectors, dim=-1)

    return Graph().eval()


@contextmanager
def open_onnx(folder: Path) -> Iterator[Compute]:
    """Load an exported tower with ONNX Runtime, on the CPU."""
    with requires("embedtune[export]", where="--format"):
        import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # other processes may want the core
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(folder / MODEL), options, providers=["CPUExecutionProvider"])

    def run(ids: NDArray[np.int64], mask: NDArray[np.int64]) -> Vectors:
        vectors: Vectors = session.run([OUTPUTS[1]], dict(zip(INPUTS, (ids, mask), strict=True)))[0]
        return vectors

    yield Tokenized(folder, run)
