"""Load a base model with quantised, frozen weights, and read such weights back."""

from __future__ import annotations

from pathlib import Path
from types import MethodType
from typing import TYPE_CHECKING, Any

from embedtune.models.opening import open_model

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor, nn

SCHEMES = ("nf4", "fp4", "int8", "none")
SMALL_MODEL = 300_000_000


def choose_scheme(setting: str, n_parameters: int) -> str:
    """Resolve ``auto``: int8 below 300 million parameters, nf4 above.

    In a small encoder int8 costs nothing (all-MiniLM-L6-v2: the nDCG@10 of bf16, a cosine to its vectors of 0.9995, no more
    seconds; ``benchmarks.quantization``); four bits move its vectors far (nf4 0.97, fp4 0.94), and there is little memory to
    save. A model of billions trains on one GPU only so.
    """
    if setting != "auto":
        return setting
    return "int8" if n_parameters < SMALL_MODEL else "nf4"


def quantisation_arguments(scheme: str) -> dict[str, object]:
    """Return what ``from_pretrained`` needs for a scheme, as plain JSON values; empty for ``none``."""
    if scheme == "none":
        return {}
    if scheme == "int8":
        return {"load_in_8bit": True}
    return {"load_in_4bit": True, "bnb_4bit_quant_type": scheme, "bnb_4bit_use_double_quant": True}


def load_quantised(folder: Path, scheme: str, *, trust_remote_code: bool = False) -> SentenceTransformer:
    """Load a sentence-transformers model whose linear layers are quantised by bitsandbytes, ready for training.

    Its dropout stays as it was trained with, on attention too: without, a training gained less (docs/log.md). In bf16 it costs
    nothing; in fp32 on a CPU a step takes twice as long.

    Raises ``ConfigError`` as ``open_model`` does, also if bitsandbytes cannot quantise this model here.
    """
    from transformers import BitsAndBytesConfig

    arguments: dict[str, object] = {}
    if scheme != "none":
        arguments["quantization_config"] = BitsAndBytesConfig(**quantisation_arguments(scheme))
    hint = "try --quantize none" if scheme != "none" else None
    model = open_model(folder, trust_remote_code=trust_remote_code, model_kwargs=arguments, hint=hint)
    fix_mode(model)
    return model


def fix_mode(model: nn.Module) -> None:
    """Make quantised layers compute the same in training and evaluation, whatever mode the model is put into later.

    Two habits of bitsandbytes 0.50 are turned off: on CPUs with AVX512-BF16 a 4-bit layer in evaluation repacks its weights,
    after which training fails or silently has no gradient; an int8 layer in evaluation rounds its inputs too, which training
    does not.
    """
    import bitsandbytes as bnb

    for module in model.modules():
        if isinstance(module, bnb.nn.Linear4bit):
            module.support_avx512bf16_for_cpu = False
        elif isinstance(module, bnb.nn.Linear8bitLt):
            module.train()
            # Every encode() puts the whole model into evaluation mode; this layer has no other use for the mode.
            module.train = MethodType(lambda layer, mode=True: layer, module)


def set_dropout(model: nn.Module, probability: float) -> None:
    """Set the probability of all dropout layers, and of attention that keeps it as a number, as T5's and Llama's does."""
    from torch import nn

    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = probability
        for name, value in vars(module).items():
            if "dropout" in name and isinstance(value, float):
                setattr(module, name, probability)


def linear_layers(model: nn.Module) -> dict[str, nn.Module]:
    """Return the linear layers by name: torch's, quantised or not, and the ``Conv1D`` of GPT-2 and its kin."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    return {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear | Conv1D)}


def is_transposed(layer: nn.Module) -> bool:
    """Return whether a layer keeps its weight as ``(in, out)``, as ``Conv1D`` does; quantised it does not."""
    from transformers.pytorch_utils import Conv1D

    return isinstance(layer, Conv1D)


def plain_weight(layer: Any) -> Tensor:
    """Return a linear layer's weight ``(out, in)`` in fp32, dequantised where it is quantised."""
    import bitsandbytes as bnb
    import torch

    if isinstance(layer, bnb.nn.Linear4bit):
        values = bnb.functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state)
    elif isinstance(layer, bnb.nn.Linear8bitLt):
        # The quantised rows move from the weight to the layer's state at the first forward pass.
        rows = layer.state if layer.state.CB is not None else layer.weight
        values = rows.CB.to(torch.float32) * (rows.SCB.to(torch.float32).unsqueeze(1) / 127.0)
    else:
        values = layer.weight.detach()
        values = values.T if is_transposed(layer) else values
    plain: Tensor = values.to(torch.float32)
    return plain
