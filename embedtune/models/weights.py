"""Between two plain models of the same shape: W₀ + α · (W₁ − W₀) (WiSE-FT, Wortsman et al. 2022).

Works on saved folders, long after a training, whatever made the second from the first.

Two towers in one folder: queries through the tuned model, passages through the untouched base.

From quantised weights and an adapter to one plain model that computes the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedtune.errors import ConfigError
from embedtune.models.adapters import lora_layers, update_of
from embedtune.models.encoder import Encoder, load_encoder
from embedtune.models.quantisation import load_quantised, plain_weight

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor, nn

    from embedtune.config.settings import GenerateConfig

    Weights = Mapping[str, Tensor]


def two_towers(queries: SentenceTransformer, passages: SentenceTransformer) -> SentenceTransformer:
    """Return one model that encodes queries with one model and passages with another; weights are shared, not copied.

    Only stock modules of sentence-transformers (its ``Router``), so that any user of it can load the saved folder. Whoever
    calls plain ``encode`` gets passages; ``encode_query`` and ``encode_document`` find their tower by themselves.
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
        device=str(passages.device),
    )


def in_shape_of(tuned: SentenceTransformer, base: SentenceTransformer) -> SentenceTransformer:
    """Return a model that computes what the base does, with the modules of the tuned one, so that weights can be compared.

    A tuned model of one tower has the shape of the base. Of two towers, both are the base's, and a map behind the queries
    is the identity.
    """
    import torch

    router: Any = tuned[0]
    if not hasattr(router, "sub_modules"):
        return base
    extra = [deepcopy(module) for module in list(router.sub_modules["query"])[len(list(base.children())) :]]
    for module in extra:
        if hasattr(module, "linear"):
            with torch.no_grad():
                module.linear.weight.copy_(torch.eye(module.in_features))
    queries = type(base)(modules=[*base.children(), *extra], prompts=base.prompts, device=str(base.device))
    return two_towers(queries, base)


def merge(tuned: SentenceTransformer, base: SentenceTransformer) -> SentenceTransformer:
    """Write W = dequantised W₀ + ΔW of every layer into an unquantised copy of the base.

    Adding ΔW to the original weights instead would make another function than the one that was trained and chosen on dev.

    Args:
        tuned: The quantised model with its adapter.
        base: The same model, unquantised; changed in place.

    Returns:
        ``base``, which now computes what ``tuned`` does.
    """
    import torch

    adapted = lora_layers(tuned)
    with torch.no_grad():
        for name, layer in _linear_layers(tuned).items():
            target = base[0].model.get_submodule(name)
            weight = plain_weight(layer)
            if name in adapted:
                weight = weight + update_of(adapted[name])
            target.weight.copy_(weight.to(target.weight.dtype))
    return base


def _linear_layers(model: SentenceTransformer) -> dict[str, nn.Module]:
    """Return the frozen linear layers by their name in a model without adapter."""
    from torch import nn

    adapted = lora_layers(model)
    layers: dict[str, nn.Module] = {name: layer.get_base_layer() for name, layer in adapted.items()}
    inside = tuple(f"{name}." for name in adapted)
    for name, module in model[0].model.named_modules():
        if isinstance(module, nn.Linear) and name not in layers and not name.startswith(inside):
            layers[name] = module
    return layers


_HINT = "give a base and a model that was tuned from it, both unquantised and merged"
_MAX_NAMED = 3


class Interpolation:
    """All models on the line between two; they share one set of weights in memory.

    Prompts, tokenizer and window are those of the tuned model.
    """

    def __init__(self, base: SentenceTransformer, tuned: SentenceTransformer) -> None:
        """Take two models; neither is changed.

        Raises:
            ConfigError: If they have not the same weights by name, shape and type.
        """
        self._base, self._tuned = base.state_dict(), tuned.state_dict()
        _demand_same_shape(self._base, self._tuned)
        self._model = deepcopy(tuned)

    def at(self, strength: float) -> SentenceTransformer:
        """Return the model at a strength: 0 the weights of the base, 1 those of the tuned model.

        The next call changes the returned model; use it before.
        """
        import torch

        with torch.no_grad():
            for name, target in self._model.state_dict().items():
                base, tuned = self._base[name], self._tuned[name].to(self._base[name].device)
                # lerp gives both ends exactly; base + (tuned − base) would round. Counters have nothing between.
                target.copy_(base.lerp(tuned, strength) if target.is_floating_point() else tuned)
        return self._model


def _demand_same_shape(base: Weights, tuned: Weights) -> None:
    lonely = sorted(base.keys() ^ tuned.keys())
    if lonely:
        found = f"{len(lonely)} that only one has, such as {', '.join(lonely[:_MAX_NAMED])}"
        raise ConfigError(f"interpolation: expected two models with the same weights, found {found}", hint=_HINT)
    for name, weight in base.items():
        other = tuned[name]
        if weight.shape != other.shape or weight.dtype != other.dtype:
            raise ConfigError(
                f"interpolation: expected two models of the same shape, found {name} as {_describe(weight)} in the base and "
                f"{_describe(other)} in the tuned model",
                hint=_HINT,
            )


def _describe(weight: Tensor) -> str:
    return f"{tuple(weight.shape)} {str(weight.dtype).removeprefix('torch.')}"


def load_rounded(folder: Path, settings: GenerateConfig, precision: str, scheme: str) -> Encoder:
    """Return the base with its weights rounded and written back: the start of the training, α = 0."""
    quantised = load_quantised(folder, scheme, trust_remote_code=settings.trust_remote_code)
    encoder = load_encoder(folder, settings, precision)
    merge(quantised, encoder.model)
    return encoder
