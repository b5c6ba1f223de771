"""The parts of a model that engines can take: a transformer, a pooling and what follows it, one chain for each encoder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from embedtune.errors import ConfigError
from embedtune.models.opening import has_own_module

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

TOKENIZER = "tokenizer.json"
_KNOWN = ("Transformer", "Pooling", "Dense", "Normalize")


class Tower(NamedTuple):
    """One encoder.

    Attributes:
        name: ``model``, or ``query`` and ``document`` where queries have an encoder or a map of their own.
        model: Its modules in order, with the prompts of the run.
        dimension: Components that are kept of a vector, the first ones.
    """

    name: str
    model: SentenceTransformer
    dimension: int

    @property
    def max_tokens(self) -> int:
        """Tokens of a text with its prompt and special tokens; what is beyond is cut off."""
        return int(self.model.get_max_seq_length() or self.model.tokenizer.model_max_length)

    @property
    def pooling(self) -> Any:
        """Its pooling."""
        return next(module for module in self.model if type(module).__name__ == "Pooling")


def towers_of(model: SentenceTransformer, dimension: int | None = None) -> list[Tower]:
    """Return the encoders of a model as this package saves it.

    Args:
        model: As ``load_model`` returns it.
        dimension: Components to keep; None keeps those that the model gives.

    Raises:
        ConfigError: If the model has modules that no engine takes, or fewer components than are to be kept.
    """
    own = int(model.get_embedding_dimension() or 0)
    check_dimension(dimension or own, own)
    if has_own_module(model):
        raise ConfigError(
            f"export: expected a model that other engines can run, found {type(model[0]).__name__}, a module of embedtune",
            hint="export it as safetensors-fp32 or safetensors-bf16, and load it with embedtune installed",
        )
    towers = [Tower(name, tower, dimension or own) for name, tower in _split(model).items()]
    for tower in towers:
        _check(tower)
    return towers


def check_dimension(dimension: int, own: int) -> None:
    """Raise ``ConfigError`` where vectors of ``own`` components cannot be cut to so many."""
    if not 1 <= dimension <= own:
        raise ConfigError(f"--dimension: expected a number from 1 to {own}, found {dimension}")


def _split(model: SentenceTransformer) -> dict[str, SentenceTransformer]:
    from sentence_transformers import SentenceTransformer

    if type(model[0]).__name__ != "Router":
        return {"model": model}
    router: Any = model[0]
    return {
        side: SentenceTransformer(
            modules=[*router.sub_modules[side], *list(model)[1:]],
            prompts=model.prompts,
            truncate_dim=model.truncate_dim,
            device="cpu",
        )
        for side in ("query", "document")
    }


def _check(tower: Tower) -> None:
    unknown = [type(module).__name__ for module in tower.model if type(module).__name__ not in _KNOWN]
    if not unknown and not tower.pooling.include_prompt:
        unknown = ["a pooling that leaves out the prompt"]
    if not unknown and not tower.model.tokenizer.is_fast:
        unknown = ["a tokenizer without tokenizer.json"]
    if unknown:
        raise ConfigError(
            f"export: expected {', '.join(_KNOWN)} and a fast tokenizer, found {', '.join(unknown)}",
            hint="export it as safetensors-fp32",
        )


def save_tokenizer(tower: Tower, folder: Path) -> None:
    """Write ``tokenizer.json``, which cuts texts to what the model sees and pads them."""
    tokenizer = tower.model.tokenizer
    backend = type(tokenizer.backend_tokenizer).from_str(tokenizer.backend_tokenizer.to_str())
    backend.enable_truncation(tower.max_tokens)
    backend.enable_padding(pad_id=tokenizer.pad_token_id or 0, pad_token=tokenizer.pad_token)
    backend.save(str(folder / TOKENIZER))
