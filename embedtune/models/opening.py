"""Open a model folder: checked before anything is built, without network, and without code that comes with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedtune.errors import ConfigError, EmbedtuneError, ResourceError
from embedtune.models.inspect import inspect_model
from embedtune.quiet import quiet_libraries
from embedtune.regular import LARGEST, read_json, read_regular

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_OWN_MODULES = frozenset(  # as modules.json names them
    {
        "embedtune.models.hybrid_vector.HybridVector",
        "embedtune.models.passage_residuals.PassageResiduals",
        "embedtune.models.adapted.Adapted",
    }
)
_MAX_MESSAGE = 500  # of what a library says, which may hold a whole file


def open_model(
    folder: Path | str,
    *,
    trust_remote_code: bool = False,
    device: str | None = None,
    model_kwargs: Mapping[str, object] | None = None,
    hint: str | None = None,
) -> SentenceTransformer:
    """Open a model folder with safetensors weights, taken as fp32 however they are stored; no device is the best there is.

    Only with ``trust_remote_code`` may code of the folder run, and may the hub be asked for code that its files name. What this
    package added to a model is loaded by this package, without trust.

    Raises:
        ConfigError: If it is no model that can be opened, whatever sentence-transformers finds wrong; with ``hint``, or how to
            allow its code, where it needs code.
        ResourceError: If memory runs out.
    """
    folder = Path(folder)
    inspect_model(folder)
    import torch

    options = {"use_safetensors": True, "dtype": torch.float32, **(model_kwargs or {})}
    try:
        with quiet_libraries(), nullcontext() if trust_remote_code else offline():
            model = _open(folder, device=device, trust_remote_code=trust_remote_code, model_kwargs=options)
            _check_window(model)
            _give_padding(model)
            return model
    except (EmbedtuneError, MemoryError):
        raise
    except Exception as error:  # of any library: each form of a broken folder fails in a way of its own
        raise _refusal(folder, error, hint, trusted=trust_remote_code) from error


def _open(folder: Path, *, device: str | None, **options: Any) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer

    if not is_own_code(folder):
        local = not options["trust_remote_code"]
        return SentenceTransformer(str(folder), device=device, local_files_only=local, **options)
    (own,) = _module_types(folder)
    name, _, class_name = own.rpartition(".")
    module = getattr(import_module(name), class_name).load(str(folder), **options)
    saved = read_json(folder / "config_sentence_transformers.json")
    kept = {key: saved.get(key) for key in ("prompts", "default_prompt_name", "similarity_fn_name")}
    return SentenceTransformer(modules=[module], device=device, **kept)


def _check_window(model: SentenceTransformer) -> None:
    window = model.get_max_seq_length()
    if window is not None and not (isinstance(window, int | float) and window > 0):
        raise ValueError(f"expected max_seq_length as a number of tokens, found {window!r:.40}")


def _give_padding(model: SentenceTransformer) -> None:
    """Let a tokenizer without a padding token, as many decoders have, pad with its end token; attention is masked there."""
    tokenizer = model.tokenizer
    if callable(tokenizer) and getattr(tokenizer, "pad_token", "") is None:
        if tokenizer.eos_token is None:
            raise ValueError("expected a tokenizer with a padding token or an end token, found neither")
        tokenizer.pad_token = tokenizer.eos_token


def is_own_code(folder: Path) -> bool:
    """Return whether a model folder needs code of this package and no other."""
    modules = Path(folder) / "modules.json"
    if not modules.is_file() or list(Path(folder).rglob("*.py")):
        return False
    types = _module_types(folder)
    return len(types) == 1 and types <= _OWN_MODULES


def has_own_module(model: SentenceTransformer) -> bool:
    """Return whether a loaded model adds something of this package to its vectors: a BM25 sketch, or residuals of passages."""
    return f"{type(model[0]).__module__}.{type(model[0]).__name__}" in _OWN_MODULES


def modules_of_others(folder: Path) -> list[str]:
    """Return the Python files of a model folder, and the classes it names that are neither sentence-transformers' nor ours."""
    found = [f"the file {path.relative_to(folder)}" for path in sorted(folder.rglob("*.py"))]
    for path in sorted([*folder.rglob("modules.json"), *folder.rglob("router_config.json")]):
        types = {each for each in _types_in(_json(path)) if not each.startswith("sentence_transformers.")}
        found += [f"{path.relative_to(folder)}: {each}" for each in sorted(types - _OWN_MODULES)]
    return found


def code_of(folder: Path) -> list[str]:
    """Return what in a model folder would run or fetch code, if its code were trusted; empty for most models."""
    mapped = [path for path in sorted(folder.rglob("*.json")) if b'"auto_map"' in read_regular(path, LARGEST)]
    return [*modules_of_others(folder), *(f"{path.relative_to(folder)}: auto_map" for path in mapped)]


def _module_types(folder: Path) -> set[str]:
    return set(_types_in(_json(Path(folder) / "modules.json")))


def _types_in(value: object) -> Iterator[str]:
    """Yield the classes that a list of modules, or a router's configuration, names."""
    if isinstance(value, list):
        yield from (str(module.get("type")) for module in value if isinstance(module, dict))
    elif isinstance(value, dict) and isinstance(types := value.get("types"), dict):
        yield from map(str, types.values())


def _json(path: Path) -> object:
    try:
        return read_json(path)
    except (OSError, ValueError, RecursionError):
        return None


@contextmanager
def offline() -> Iterator[None]:
    """Keep the hub's client from asking anything meanwhile: files of a folder can name models elsewhere."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _refusal(folder: Path, error: Exception, hint: str | None, *, trusted: bool) -> EmbedtuneError:
    said = " ".join(str(error).split())[:_MAX_MESSAGE] or "nothing but that"
    if "out of memory" in said:
        return ResourceError(f"{folder}: expected memory for this model, found: {said}", hint="take a smaller model")
    if not trusted and "trust_remote_code" in said:
        code = ", ".join(code_of(folder)[:5]) or "a class that is in no library here"
        return ConfigError(
            f"{folder}: expected a model that needs no code of its own, found {code}",
            hint="--trust-remote-code allows a model's own code, if you trust its authors",
        )
    return ConfigError(
        f"{folder}: expected a sentence-transformers model, found {type(error).__name__}: {said}",
        hint=hint or "copy or download the model again, or take another",
    )
