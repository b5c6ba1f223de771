"""Weights of a model: LoRA adapters, merging them into one plain model, two towers, and interpolation between two models."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedtune.errors import ConfigError
from embedtune.models.encoder import Encoder, load_encoder
from embedtune.models.quantisation import is_transposed, linear_layers, load_quantised, plain_weight
from embedtune.regular import read_json

if TYPE_CHECKING:
    from peft import LoraConfig, PeftModel
    from peft.tuners.lora import LoraLayer
    from sentence_transformers import SentenceTransformer
    from torch import Tensor, nn

    from embedtune.config.settings import GenerateConfig


ADAPTER = "default"
"""Name of the adapter within a PEFT model."""
Weights = dict[str, "Tensor"]


def add_adapter(
    model: SentenceTransformer, *, rank: int, alpha: int, layers: int | None = None, **options: Any
) -> PeftModel:
    """Add LoRA (Hu et al. 2021) to all linear layers of the transformer that affect an embedding, and freeze all other weights.

    A ``Dense`` layer behind the pooling is frozen too: the adapter is the transformer's, and must give the trained vectors.

    Args:
        model: Changed in place.
        rank: Of the update of each layer; ``alpha`` over it is its scale.
        alpha: See there.
        layers: Number of upper layers to adapt; None for all.
        options: Further ones of peft's ``LoraConfig``.

    Returns:
        The PEFT model around the same modules, which saves the adapter.

    Raises:
        ConfigError: If the transformer has no linear layer.
    """
    from peft import get_peft_model

    config = lora_config(model, rank, alpha, layers, **options)
    model.requires_grad_(False)
    return get_peft_model(model[0].model, config)


def lora_config(model: SentenceTransformer, rank: int, alpha: int, layers: int | None, **options: Any) -> LoraConfig:
    """Return peft's configuration of LoRA for a model; see ``add_adapter``."""
    from peft import LoraConfig, TaskType

    adapted = adaptable_layers(model, layers)
    return LoraConfig(
        task_type=TaskType.FEATURE_EXTRACTION,
        r=rank,
        lora_alpha=alpha,
        lora_dropout=0.0,
        target_modules=list(adapted),
        fan_in_fan_out=any(map(is_transposed, adapted.values())),
        **options,
    )


def adaptable_layers(model: SentenceTransformer, n_upper: int | None = None) -> dict[str, nn.Module]:
    """Return what LoRA adapts, by name within the transformer: its linear layers, or those of its upper layers.

    Read from the model, because peft has no default targets for many encoders, and for BERT only query and value.

    Raises ``ConfigError`` if there is nothing to adapt.
    """
    transformer = getattr(model[0], "model", None)
    found = linear_layers(transformer) if transformer is not None else {}
    layers = {name: layer for name, layer in found.items() if "pooler" not in name.split(".")}  # mean pooling uses none
    if n_upper and layers:
        upper = {id(layer) for block in find_layers(transformer)[-n_upper:] for layer in block.modules()}
        layers = {name: layer for name, layer in layers.items() if id(layer) in upper}
    if not layers:
        raise ConfigError(
            f"base model: expected linear layers for LoRA, found none in {type(transformer or model[0]).__name__}",
            hint="take --method linear, pca or full, or another base",
        )
    return layers


def find_layers(transformer: Any) -> Sequence[nn.Module]:
    """Return a transformer's layers, from the lowest: the first list of as many modules as its configuration says.

    Raises ``ConfigError`` if there is none.
    """
    from torch import nn

    number = getattr(getattr(transformer, "config", None), "num_hidden_layers", None)
    for module in transformer.modules():
        if isinstance(module, nn.ModuleList) and len(module) == number:
            return list(module)
    raise ConfigError(
        f"base model: expected a list of {number} layers, found none in {type(transformer).__name__}",
        hint="take --method lora without train.layers, or another base",
    )


def lora_layers(model: SentenceTransformer) -> dict[str, LoraLayer]:
    """Return the layers with LoRA, by name within the transformer."""
    from peft.tuners.lora import LoraLayer

    return {name: module for name, module in model[0].model.named_modules() if isinstance(module, LoraLayer)}


def snapshot(model: SentenceTransformer) -> Weights:
    """Return a copy of the trainable weights.

    The trainer's ``load_best_model_at_end`` cannot be used: it rebuilds the model unquantised and silently keeps the last
    weights.
    """
    return {name: value.detach().clone() for name, value in model.named_parameters() if value.requires_grad}


def restore(model: SentenceTransformer, weights: Weights) -> None:
    """Load the weights of a ``snapshot``."""
    import torch

    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, value in weights.items():
            parameters[name].copy_(value)


@contextmanager
def strength(model: SentenceTransformer, alpha: float) -> Iterator[None]:
    """Scale the update by α within the context: W = W₀ + α·ΔW (WiSE-FT, Wortsman et al. 2022); α = 0 is the quantised base."""
    layers = list(lora_layers(model).values())
    for layer in layers:
        layer.scale_layer(alpha)
    try:
        yield
    finally:
        for layer in layers:
            layer.unscale_layer()


def fold_strength(model: SentenceTransformer, alpha: float) -> None:
    """Multiply the update by α permanently, so that whoever loads the adapter gets the interpolated model."""
    import torch

    with torch.no_grad():
        for layer in lora_layers(model).values():
            layer.lora_B[ADAPTER].weight.mul_(alpha)


def update_of(layer: LoraLayer) -> Tensor:
    """Return ΔW ``(out, in)`` of one layer in fp32."""
    update: Tensor = layer.get_delta_weight(ADAPTER).detach().float()
    return update.T if is_transposed(layer.get_base_layer()) else update


def save_adapter(adapter: PeftModel, folder: Path, base_name: str, **options: Any) -> None:
    """Write a PEFT folder with the base model's name as the user gave it, instead of a local path; ``options`` are peft's.

    Target layers are sorted, because peft keeps them as a set, and the same adapter must give the same bytes.
    """
    adapter.save_pretrained(str(folder), safe_serialization=True, **options)
    (folder / "README.md").unlink(missing_ok=True)  # peft's card is an empty form
    path = folder / "adapter_config.json"
    config = read_json(path)
    config["base_model_name_or_path"] = base_name
    for name in ("target_modules", "feedforward_modules"):
        if name in config:
            config[name] = sorted(config[name])
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def load_adapter(adapter: PeftModel, saved: Weights) -> None:
    """Give an adapter saved weights; raises ``ValueError`` if names or shapes are not its own."""
    from peft import get_peft_model_state_dict, set_peft_model_state_dict

    own = {name: tuple(value.shape) for name, value in get_peft_model_state_dict(adapter).items()}
    found = {name: tuple(value.shape) for name, value in saved.items()}
    if other := sorted(name for name in own.keys() | found.keys() if own.get(name) != found.get(name)):
        raise ValueError(f"{len(other)} weights of other names or shapes, such as {', '.join(other[:_MAX_NAMED])}")
    set_peft_model_state_dict(adapter, saved)


def two_towers(queries: SentenceTransformer, passages: SentenceTransformer) -> SentenceTransformer:
    """Return a model that encodes queries with one model and passages with another; weights are shared, not copied.

    It consists of stock modules of sentence-transformers (``Router``), so the saved folder loads without embedtune. Plain
    ``encode`` uses the passage tower.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Router

    router = Router.for_query_document(
        query_modules=list(queries.children()), document_modules=list(passages.children()), default_route="document"
    )
    return SentenceTransformer(
        modules=[router],
        prompts=passages.prompts,
        similarity_fn_name=passages.similarity_fn_name,
        truncate_dim=passages.truncate_dim,
        device=str(passages.device),
    )


def in_shape_of(tuned: SentenceTransformer, base: SentenceTransformer) -> SentenceTransformer:
    """Return a model that computes what the base does, with the module structure of the tuned model, for interpolation.

    If the tuned model has two towers, both become the base, and a linear map behind queries or all texts the identity.
    """
    import torch

    router: Any = tuned[0]
    has_towers = hasattr(router, "sub_modules")
    modules = list(router.sub_modules["query"] if has_towers else tuned.children())
    extra = [deepcopy(module) for module in modules[len(list(base.children())) :]]
    for module in extra:
        if hasattr(module, "linear"):
            with torch.no_grad():
                module.linear.weight.copy_(torch.eye(*module.linear.weight.shape))
    if not has_towers and not extra:
        return base
    mapped = type(base)(
        modules=[*base.children(), *extra],
        prompts=base.prompts,
        truncate_dim=base.truncate_dim,
        device=str(base.device),
    )
    return two_towers(mapped, base) if has_towers else mapped


def merge(tuned: SentenceTransformer, base: SentenceTransformer) -> SentenceTransformer:
    """Write W = dequantised W₀ + ΔW of every layer into an unquantised copy of the base, in place, and return it.

    Adding ΔW to the original W₀ would give a different function from the one that was trained and selected on dev.
    """
    import torch

    write_frozen(tuned[0].model, base)
    with torch.no_grad():
        for name, layer in lora_layers(tuned).items():
            target = base[0].model.get_submodule(name)
            update = update_of(layer)
            target.weight += (update.T if is_transposed(target) else update).to(target.weight)
    return base


def write_frozen(transformer: nn.Module, base: SentenceTransformer) -> SentenceTransformer:
    """Write the linear layers of a transformer with adapters, dequantised, into a plain copy of the base, and return that."""
    import torch
    from peft.tuners.tuners_utils import BaseTunerLayer

    # By their name in a model without adapter.
    adapted = {name: each for name, each in transformer.named_modules() if isinstance(each, BaseTunerLayer)}
    layers: dict[str, Any] = {name: layer.get_base_layer() for name, layer in adapted.items()}
    inside = tuple(f"{name}." for name in adapted)
    for name, module in linear_layers(transformer).items():
        if name not in layers and not name.startswith(inside):
            layers[name] = module
    with torch.no_grad():
        for name, layer in layers.items():
            target = base[0].model.get_submodule(name)
            weight = plain_weight(layer)
            target.weight.copy_((weight.T if is_transposed(target) else weight).to(target.weight.dtype))
    return base


_MAX_NAMED = 3


class Interpolation:
    """Models W₀ + α · (W₁ − W₀) between two plain models of one shape (WiSE-FT, Wortsman et al. 2022).

    They share one set of weights in memory. Prompts, tokenizer and window are those of the tuned model.
    """

    def __init__(self, base: SentenceTransformer, tuned: SentenceTransformer) -> None:
        """Set the two models, which stay as they are; raises ``ConfigError`` if names, shapes or types of weights differ."""
        self._base, self._tuned = base.state_dict(), tuned.state_dict()
        _check_same_shape(self._base, self._tuned)
        self._model = deepcopy(tuned)

    def at(self, strength: float) -> SentenceTransformer:
        """Return the model at strength α; 0 is the base, 1 the tuned model. The next call changes the returned model."""
        import torch

        with torch.no_grad():
            for name, target in self._model.state_dict().items():
                base, tuned = self._base[name], self._tuned[name].to(self._base[name].device)
                # lerp is exact at both ends, unlike base + (tuned − base). Integer buffers are not interpolated.
                target.copy_(base.lerp(tuned, strength) if target.is_floating_point() else tuned)
        return self._model


def _check_same_shape(base: Mapping[str, Tensor], tuned: Mapping[str, Tensor]) -> None:
    hint = "give a base and a model that was tuned from it, both unquantised and merged"
    if unmatched := sorted(base.keys() ^ tuned.keys()):
        only = f"{len(unmatched)} that only one has, such as {', '.join(unmatched[:_MAX_NAMED])}"
        raise ConfigError(f"interpolation: expected two models with the same weights, found {only}", hint=hint)
    for name in base:
        shapes = [f"{tuple(each.shape)} {str(each.dtype).removeprefix('torch.')}" for each in (base[name], tuned[name])]
        if shapes[0] != shapes[1]:
            raise ConfigError(
                f"interpolation: expected two models of the same shape, found {name} as {shapes[0]} in the base and "
                f"{shapes[1]} in the tuned model",
                hint=hint,
            )


def load_rounded(folder: Path, settings: GenerateConfig, precision: str, scheme: str) -> Encoder:
    """Return the base with its weights quantised and dequantised: the start of the training, α = 0."""
    quantised = load_quantised(folder, scheme, trust_remote_code=settings.trust_remote_code)
    model = load_encoder(folder, settings, precision).model
    merge(quantised, model)
    return Encoder(model, precision=precision)
