"""The training proper: steps, dev retrieval at the checks, checkpoints on disk, and a stop when it is asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from embedtune.errors import StoppedError
from embedtune.models.adapters import Weights, snapshot
from embedtune.models.encoder import Encoder
from embedtune.progress import track
from embedtune.signals import StopRequest, catch_stop
from embedtune.training.checkpoints import Checkpoints, State
from embedtune.training.dev_set import DevSet
from embedtune.types import Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import nn

    from embedtune.training.trainable import Method
    from embedtune.training.trainer import Examples, Recipe

_log = logging.getLogger("embedtune")


class DevRetrieval:
    """Dev retrieval of a model in training, as it would be shipped: merged, in less than half the time of quantised layers.

    Attributes:
        dev: The dev set.
        base: Scores of all dev queries with the base, ``(n_queries, n_passages)``.
        windows: Vectors of the dev windows by the base, ``(n_windows, dim)``.
    """

    def __init__(self, dev: DevSet, base: Encoder, plain: SentenceTransformer, *, precision: str) -> None:
        """Search with the base.

        Args:
            dev: The dev set.
            base: The untouched base.
            plain: An unquantised copy of it, which is written over by every merge.
            precision: Of the models that are searched with.
        """
        self.dev = dev
        self._plain = plain
        self._precision = precision
        with track("dev: base", dev.n_encoded) as on_progress:
            self.windows = base.encode_documents(dev.windows, on_progress)
            self.base = dev.dense_scores(base, on_progress, windows=self.windows)

    def search_with(self, method: Method, strength: float, what: str) -> Vectors:
        """Return the scores of all dev queries with base + strength · update, ``(n_queries, n_passages)``.

        Passages are encoded again only where tuning moves them. ``what`` is shown while it works.
        """
        encoder = Encoder(method.merged(self._plain, strength), precision=self._precision)
        windows = self.windows if method.queries_only else None
        with track(what, len(self.dev.queries) if method.queries_only else self.dev.n_encoded) as on_progress:
            return self.dev.dense_scores(encoder, on_progress, windows=windows)

    def encode_queries_with(self, method: Method, strength: float) -> Vectors:
        """Return the vectors of all dev queries with base + strength · update, ``(n_queries, dim)``."""
        encoder = Encoder(method.merged(self._plain, strength), precision=self._precision)
        return encoder.encode_queries(self.dev.queries)


@dataclass(frozen=True)
class Check:
    """The trainable weights after a step, with dev retrieval at full strength.

    Attributes:
        step: Steps done.
        dense: Scores of all dev queries, ``(n_queries, n_passages)``.
        scores: Their reciprocal ranks, ``(n_queries,)``.
        weights: By parameter name.
    """

    step: int
    dense: Vectors
    scores: NDArray[np.float64]
    weights: Weights


def fit(
    method: Method,
    examples: Examples,
    batches: Sequence[Sequence[int]],
    loss: nn.Module,
    recipe: Recipe,
    retrieval: DevRetrieval,
    checkpoints: Checkpoints,
) -> tuple[list[Check], list[float]]:
    """Train in place, from the last whole checkpoint if there is one.

    Returns:
        The checks in order, and the loss of every step.

    Raises:
        DataError: If the loss is not finite.
        ResourceError: If a checkpoint cannot be written, or not even one text fits into memory.
        StoppedError: After Ctrl-C or SIGTERM, when the step is finished and saved.
    """
    from embedtune.training.trainer import Hooks, run_training

    saved = checkpoints.latest()
    if saved:
        _log.info("going on after step %d of %d", saved["step"], len(batches))
    with catch_stop("the step is finished and saved") as stop, track("train", len(batches)) as on_progress:
        walk = _Walk(method, retrieval, checkpoints, len(batches), stop, saved)
        losses = run_training(
            method.model, examples, batches, loss, recipe, Hooks(walk.check, on_progress, walk.keep), resume=saved
        )
    return walk.evaluations, losses


class _Walk:
    """What happens between the steps of one training."""

    def __init__(
        self,
        method: Method,
        retrieval: DevRetrieval,
        checkpoints: Checkpoints,
        n_steps: int,
        stop: StopRequest,
        saved: State | None,
    ) -> None:
        self.evaluations = [self._restored(each, retrieval) for each in saved["checks"]] if saved else []
        self._method = method
        self._retrieval = retrieval
        self._checkpoints = checkpoints
        self._n_steps = n_steps
        self._stop = stop

    def check(self, step: int) -> None:
        """Hold the model against dev."""
        dense = self._retrieval.search_with(self._method, 1.0, f"dev: step {step}")
        scores = self._retrieval.dev.reciprocal_ranks(dense)
        self.evaluations.append(Check(step, dense, scores, snapshot(self._method.model)))

    def keep(self, step: int, state: Callable[[], State]) -> None:
        """Save if it is time; stop if it was asked for."""
        if self._stop or self._checkpoints.is_due() or step == self._n_steps:
            self._checkpoints.save(step, {**state(), "checks": [_plain(check) for check in self.evaluations]})
        if self._stop.signal_number:
            raise StoppedError(
                f"stopped after step {step} of {self._n_steps}, which is saved", self._stop.signal_number
            )

    @staticmethod
    def _restored(state: State, retrieval: DevRetrieval) -> Check:
        dense: Vectors = state["dense"].numpy()
        return Check(state["step"], dense, retrieval.dev.reciprocal_ranks(dense), state["weights"])


def _plain(check: Check) -> State:
    import torch

    return {"step": check.step, "dense": torch.from_numpy(check.dense), "weights": check.weights}
