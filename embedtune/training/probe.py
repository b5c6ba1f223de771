"""Does quantised training work on this machine? A model of a few thousand weights, made on the spot, tells in a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from embedtune.errors import IntegrityError
from embedtune.models.quantisation import fix_mode, quantisation_arguments

_WIDTH = 64  # one block of the 4-bit quantisation


def write_tiny_model(folder: Path) -> None:
    """Write a transformer of one random layer."""
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=8,
        hidden_size=_WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=2 * _WIDTH,
        max_position_embeddings=16,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(str(folder))


def try_scheme(folder: Path, scheme: str) -> None:
    """Load a tiny model with quantised weights as training does, add LoRA, and go forward and backward once.

    Without sentence-transformers around it: importing that takes longer than all the rest.

    Raises:
        IntegrityError: If nothing is quantised, or if no gradient, or one that is no number, reaches the adapter.
        Exception: Whatever the libraries raise where they do not work; the caller shows it.
    """
    import torch
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(_load(folder, scheme), LoraConfig(r=2, target_modules=["query", "dense"]))
    model.train()
    output = model(input_ids=torch.tensor([[1, 2, 3], [4, 5, 6]], device=model.device))
    output.last_hidden_state[:, 0, 0].square().sum().backward()
    gradients = [weight.grad for weight in model.parameters() if weight.requires_grad and weight.grad is not None]
    total = sum(float(gradient.abs().sum()) for gradient in gradients)
    if total == 0 or not torch.isfinite(torch.tensor(total)):
        raise IntegrityError(f"{scheme}: expected a gradient in the adapter, found {total:g}")


def _load(folder: Path, scheme: str) -> Any:
    import bitsandbytes as bnb
    import torch
    from transformers import AutoModel, BitsAndBytesConfig

    arguments: dict[str, Any] = {"use_safetensors": True, "dtype": torch.float32, "add_pooling_layer": False}
    if scheme != "none":
        arguments["quantization_config"] = BitsAndBytesConfig(**quantisation_arguments(scheme))
    model = AutoModel.from_pretrained(str(folder), **arguments)
    fix_mode(model)
    quantised = (bnb.nn.Linear4bit, bnb.nn.Linear8bitLt)
    if scheme != "none" and not any(isinstance(module, quantised) for module in model.modules()):
        raise IntegrityError(f"{scheme}: expected quantised layers, found only plain ones")
    return model
