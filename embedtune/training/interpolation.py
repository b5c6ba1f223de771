"""Between two plain models of the same shape: W₀ + α · (W₁ − W₀) (WiSE-FT, Wortsman et al. 2022).

Works on saved folders, long after a training, whatever made the second from the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING

from embedtune.errors import ConfigError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import Tensor

    Weights = Mapping[str, Tensor]

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
