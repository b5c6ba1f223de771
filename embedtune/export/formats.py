"""The forms that a model is exported in: how each is written, and which engine runs it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from embedtune.export import gguf, onnx_graph, openvino_graph
from embedtune.export.engines import Engine, OpenTower, prompted
from embedtune.export.towers import Tower, check_dimension, towers_of
from embedtune.models.encoder import Encoder
from embedtune.models.opening import open_model
from embedtune.project.manifest import write_json
from embedtune.quiet import quiet_libraries
from embedtune.regular import read_json

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

FACTS = "embedding.json"


class Format(NamedTuple):
    """A form of a model.

    Attributes:
        engine: What runs it.
        write: Writes a model into an empty folder, with its vectors cut to a dimension if one is given.
        load: Loads what was written, and lets it go at the end.
    """

    engine: str
    write: Callable[[SentenceTransformer, Path, int | None], None]
    load: Callable[[Path], AbstractContextManager[Engine]]


def _write_towers(
    write: Callable[[Tower, Path], None], model: SentenceTransformer, folder: Path, dimension: int | None
) -> None:
    towers = towers_of(model, dimension)
    for tower in towers:
        (folder / tower.name).mkdir()
        write(tower, folder / tower.name)
    facts = {
        "query_prompt": model.prompts.get("query") or "",
        "document_prompt": model.prompts.get("document") or "",
        "dimension": towers[0].dimension,
        "max_tokens": towers[0].max_tokens,
        "similarity": "cosine; vectors have unit length",
    }
    (folder / FACTS).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_safetensors(dtype: str, model: SentenceTransformer, folder: Path, dimension: int | None) -> None:
    import torch

    model = model if dimension is None else _cut(model, dimension)
    model.to(getattr(torch, dtype))
    with quiet_libraries():
        model.save_pretrained(str(folder), create_model_card=False)
    for path in folder.rglob("config.json"):  # rounded weights, but vectors in fp32: bf16 throughout loses more
        config = read_json(path)
        if "dtype" in config:
            write_json(path, {**config, "dtype": "float32"})


def _cut(model: SentenceTransformer, dimension: int) -> SentenceTransformer:
    """Put a Dense layer behind a model that keeps the first components: sentence-transformers saves no dimension to cut to."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense

    own = int(model.get_embedding_dimension() or 0)
    check_dimension(dimension, own)
    kept = torch.eye(own)[:dimension].clone()  # with memory of its own, as safetensors wants it
    dense = Dense(own, dimension, bias=False, activation_function=torch.nn.Identity(), init_weight=kept)
    return SentenceTransformer(modules=[*model, dense], prompts=model.prompts, device="cpu")


@contextmanager
def _open_safetensors(folder: Path) -> Iterator[Engine]:
    yield Encoder(open_model(folder, device="cpu", model_kwargs={"dtype": "auto"}))


def _open_towers(open_tower: OpenTower, folder: Path) -> AbstractContextManager[Engine]:
    facts = read_json(folder / FACTS)
    return prompted(folder, {"query": facts["query_prompt"], "document": facts["document_prompt"]}, open_tower)


def _of_towers(engine: str, write: Callable[[Tower, Path], None], open_tower: OpenTower) -> Format:
    return Format(engine, partial(_write_towers, write), partial(_open_towers, open_tower))


def _safetensors(dtype: str) -> Format:
    return Format("sentence-transformers", partial(_write_safetensors, dtype), _open_safetensors)


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "safetensors-fp32": _safetensors("float32"),
        "safetensors-bf16": _safetensors("bfloat16"),
        "onnx": _of_towers("ONNX Runtime", onnx_graph.write_onnx, onnx_graph.open_onnx),
        "onnx-int8": _of_towers("ONNX Runtime", onnx_graph.write_onnx_int8, onnx_graph.open_onnx),
        "openvino-int8": _of_towers("OpenVINO", openvino_graph.write_openvino_int8, openvino_graph.open_openvino),
        "gguf": _of_towers("llama.cpp", gguf.write_gguf, gguf.open_gguf),
    }
)
