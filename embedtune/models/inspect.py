"""Look into a model's files without loading it: is everything there, and how large is it?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open

from embedtune.errors import ConfigError
from embedtune.regular import below, is_too_deep, read_json

_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
_HIDDEN = ("hidden_size", "d_model", "dim", "n_embd")
_LAYERS = ("num_hidden_layers", "num_layers", "n_layers", "n_layer")
_HEADS = ("num_attention_heads", "num_heads", "n_heads", "n_head")
_POSITIONS = ("max_position_embeddings", "n_positions")
_LIMITS: Mapping[tuple[str, ...], int] = MappingProxyType(
    {_HIDDEN: 65_536, _LAYERS: 1_000, _HEADS: 4_096, _POSITIONS: 100_000_000, ("vocab_size",): 10_000_000,
     ("intermediate_size", "hidden_dim", "d_ff"): 1_000_000}
)  # fmt: skip
"""Fields of config.json and the largest numbers in use, with room to grow."""
_FACTOR, _SMALL = 4, 10_000_000
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")  # names in the order in which sentence-transformers asks for them


class ModelSize(NamedTuple):
    """How large a model is.

    Attributes:
        parameters: All weights.
        file_bytes: The weights on disk.
        hidden: Width of a layer; 0 where ``config.json`` does not name it.
        layers: Number of layers; 0 likewise.
        heads: Attention heads; 0 likewise.
    """

    parameters: int
    file_bytes: int
    hidden: int
    layers: int
    heads: int


def inspect_model(folder: Path) -> ModelSize:
    """Check that configuration, tokenizer and weights are there and whole, and return the size.

    Raises ``ConfigError`` with everything that is missing or torn.
    """
    check_files(folder)
    problems: list[str] = []
    parameters = file_bytes = 0
    for path in sorted(path for path in folder.rglob("*.safetensors") if path.is_file()):
        try:
            parameters += _count_parameters(path)
        except (OSError, SafetensorError) as error:
            problems.append(f"{path.relative_to(folder)}: expected whole safetensors weights, found: {error}")
        file_bytes += path.stat().st_size
    if not file_bytes:
        problems.append("expected weights in *.safetensors, found none")
    problems += _wrong_prompts(folder)
    config: dict[str, object] = {}
    inner = _transformer_folder(folder, problems)
    if inner is not None:
        config = _read_json(inner / "config.json", folder, problems)
        problems += _wrong_numbers(config, parameters) + _packed_weights(config)
        if not any(path for name in _TOKENIZERS for path in folder.rglob(name)):
            problems.append(f"expected a tokenizer ({', '.join(_TOKENIZERS)}), found none")
    if problems:
        raise ConfigError.collect(
            str(folder),
            problems,
            hint="copy or download the model again; SentenceTransformer(…).save_pretrained(…) writes all",
        )
    return ModelSize(
        parameters,
        file_bytes,
        _number(config, _HIDDEN),
        _number(config, _LAYERS),
        _number(config, _HEADS),
    )


def check_files(folder: Path) -> None:
    """Check that a model folder has only files and folders: no pipe or device, and no link but to a file (the hub's cache).

    Raises ``ConfigError`` with every other thing, and with an adapter's configuration: libraries would load the model that it
    names in place of this one.
    """
    problems = []
    for path in sorted(below(folder)):
        name = path.relative_to(folder)
        if path.is_symlink() and not path.is_file():
            problems.append(f"{name}: expected a file or a folder, found a link to {_what(path)}")
        elif not path.is_file() and not path.is_dir():
            problems.append(f"{name}: expected a file or a folder, found {_what(path)}")
        elif is_too_deep(path):
            problems.append(f"{str(name)[:80]}: expected a file or a folder, found too many within one another")
        elif path.name == "adapter_config.json":
            problems.append(
                f"{name}: expected a whole model, found an adapter, which changes a model that is elsewhere"
            )
    if problems:
        hint = "take the model without them; PEFT's merge_and_unload() makes a whole model of an adapter and its base"
        raise ConfigError.collect(str(folder), problems, hint=hint)


def _what(path: Path) -> str:
    """Name what a path leads to in words."""
    if not path.exists():
        return "nothing"
    return "a folder" if path.is_dir() else "a pipe, a socket or a device"


def read_prompts(folder: Path) -> dict[str, str]:
    """Return the prompts that a sentence-transformers folder is encoded with, as ``retrieval_prompts`` completes the saved."""
    config = read_json(folder / "config_sentence_transformers.json")
    return retrieval_prompts(config.get("prompts") or {})


def retrieval_prompts(
    saved: Mapping[str, str | None], *, query_prompt: str | None = None, document_prompt: str | None = None
) -> dict[str, str]:
    """Return a model's prompts by name, with those of a run in place of its own; ``document`` is that of passages.

    Models of the E5 kind name it ``passage``, others ``corpus``. sentence-transformers reads these too, but only where there is
    no ``document``, and since version 5 it gives every model an empty one. So these fill an empty ``document``.
    """
    prompts = {name: text or "" for name, text in saved.items()}
    if query_prompt is not None:
        prompts["query"] = query_prompt
    if document_prompt is None:
        document = next((prompts[name] for name in _DOCUMENT_PROMPTS if prompts.get(name)), "")
        return {**prompts, "document": document}
    # Under every name that the model has for it, or one that was emptied would be filled again after saving.
    return {**prompts, **dict.fromkeys(prompts.keys() & set(_DOCUMENT_PROMPTS) | {"document"}, document_prompt)}


def read_dimension(folder: Path) -> int:
    """Return the dimension of the document vectors of a model that this package saved, cut to ``truncate_dim`` if it is.

    Raises ``ConfigError`` if no module of the model states it.
    """
    sketch = folder / "bm25_sketch.json"
    if sketch.is_file():
        added = read_json(sketch)["dimensions"] + 1  # 1 makes passages equally long
        return read_dimension(folder / "dense") + int(added)
    if (folder / "dense").is_dir():
        return read_dimension(folder / "dense")
    configs = sorted([*folder.glob("*_Pooling/config.json"), *folder.glob("*_Dense/config.json")])
    for path in reversed(configs):
        config = read_json(path)
        for name in ("out_features", "embedding_dimension", "word_embedding_dimension"):  # the last before version 5
            if size := config.get(name):
                return min(int(size), read_cut(folder) or int(size))
    raise ConfigError(f"{folder}: expected a module that states the dimension of the vectors, found none")


def read_cut(folder: Path) -> int | None:
    """Return how many components a saved model keeps of its vectors (Matryoshka); None for all."""
    path = folder / "config_sentence_transformers.json"
    kept: int | None = read_json(path).get("truncate_dim") if path.is_file() else None
    return kept


def find_query_map(folder: Path) -> Path | None:
    """Return the weights of the linear map that a saved model has behind the queries alone; None for any other model.

    A base can have Dense layers of its own, which stand behind the documents too.
    """
    try:
        sides = read_json(folder / "router_config.json")["structure"]
        queries, documents = ([Path(name).name for name in sides[side]] for side in ("query", "document"))
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return None
    behind, base = ([name for name in names if name.endswith("_Dense")] for names in (queries, documents))
    found = folder / behind[-1] / "model.safetensors" if len(behind) == len(base) + 1 else None
    return found if found and found.is_file() else None


def _transformer_folder(folder: Path, problems: list[str]) -> Path | None:
    """Return where the transformer's files are; None for a model without one."""
    if not (folder / "modules.json").is_file():
        return folder
    modules = _read_json(folder / "modules.json", folder, problems, kind=list)
    for module in modules:
        if isinstance(module, dict) and str(module.get("type")).endswith("Transformer"):
            return folder / str(module.get("path") or "")
    return None


def _read_json(path: Path, folder: Path, problems: list[str], kind: type = dict) -> Any:
    name = path.relative_to(folder)
    try:
        value = read_json(path)
    except FileNotFoundError:
        problems.append(f"{name}: expected a file, found nothing")
        return kind()
    except (OSError, ValueError, RecursionError) as error:
        problems.append(f"{name}: expected JSON, found: {error}")
        return kind()
    if not isinstance(value, kind):
        problems.append(f"{name}: expected a JSON {kind.__name__}, found {type(value).__name__}")
        return kind()
    return value


def _count_parameters(path: Path) -> int:
    """Count the weights of a safetensors file by its head; opening it checks that the data is as long as the head says."""
    with safe_open(path, "np") as file:
        return sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118 (no mapping)


def _number(config: dict[str, object], names: Sequence[str]) -> int:
    """Return the first of several fields that is a whole number; 0 if none is."""
    return next((value for name in names if isinstance(value := config.get(name), int)), 0)


def _wrong_numbers(config: dict[str, object], parameters: int) -> list[str]:
    """Say which sizes in a configuration no model has, or none with these weights: building it would take for ever."""
    wrong = [
        f"config.json: expected {name} from 1 to {most:,}, found {value!r:.40}"
        for names, most in _LIMITS.items()
        for name in names
        if isinstance(value := config.get(name), int | float) and not 1 <= value <= most
    ]
    if wrong or not parameters:
        return wrong
    hidden = _number(config, _HIDDEN)
    declared = hidden * (_number(config, _LAYERS) * hidden + _number(config, _POSITIONS))
    if declared > _FACTOR * parameters + _SMALL:  # layers can share weights, and packed weights count double
        return [f"config.json: expected sizes that fit {parameters:,} weights, found sizes of about {declared:,}"]
    return []


def _packed_weights(config: dict[str, object]) -> list[str]:
    """Say that weights are packed by a method whose libraries cannot be had as wheels for every machine."""
    packed = config.get("quantization_config")
    method = packed.get("quant_method") if isinstance(packed, dict) else None
    if method in ("gptq", "awq"):
        return [
            f"config.json: expected whole weights, found weights quantised by {method}; take the model they were made of"
        ]
    return []


def _wrong_prompts(folder: Path) -> list[str]:
    """Say what is wrong with the prompts that a sentence-transformers folder saved."""
    path = folder / "config_sentence_transformers.json"
    if not path.is_file():
        return []
    problems: list[str] = []
    prompts = _read_json(path, folder, problems).get("prompts") or {}
    texts = prompts.values() if isinstance(prompts, dict) else [prompts]
    if any(not isinstance(text, str | None) for text in texts):
        problems.append(f"{path.name}: expected prompts as names with texts, found {prompts!r:.60}")
    return problems
