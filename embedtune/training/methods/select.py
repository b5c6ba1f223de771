"""The registry of methods, and the selection of the one that is shipped."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import NamedTuple, Protocol

from embedtune.config.training import ADAPTED
from embedtune.errors import ConfigError
from embedtune.models.encoder import Encoder
from embedtune.models.weights import adaptable_layers
from embedtune.project.records import CandidateRecord, ModelRecord, TrainedWith
from embedtune.training.dev_set import choose_fusion_weight, rounded_mean
from embedtune.training.methods.context import Candidate, Context
from embedtune.training.methods.gradient import tune_both_sides, tune_query_lora
from embedtune.training.methods.hybrid_vector import tune_hybrid_vector
from embedtune.training.methods.passage_residuals import judged_queries, tune_passage_residuals
from embedtune.training.methods.query_adapters import tune_linear, tune_pca
from embedtune.training.outcome import Training, observe, why_not_shipped
from embedtune.training.selection import Decision, beats
from embedtune.training.updates.registry import UPDATES


class Method(Protocol):
    """A way to tune: takes the context, its name and the best candidate so far, which it may build on."""

    def __call__(self, context: Context, name: str, best: Candidate | None = None) -> Candidate:
        """Tune and select on dev."""
        ...


METHODS: dict[str, Method] = {
    "pca": tune_pca,
    "linear": tune_linear,
    "query-lora": tune_query_lora,
    "hybrid-vector": tune_hybrid_vector,
    "passage-residuals": tune_passage_residuals,
    **dict.fromkeys(UPDATES, tune_both_sides),
}
_LOADING = 'SentenceTransformer("merged")'
_OWN_LOADING = (
    'SentenceTransformer("merged", trust_remote_code=True) with embedtune installed; merged/dense without its {lost} is '
    'SentenceTransformer("merged/dense")'
)
_LOST = {"hybrid-vector": "words", "passage-residuals": "residuals", **dict.fromkeys(ADAPTED, "adapter")}
_BEHIND_POOLING = ("base", "pca", "linear", "head")  # methods that leave token vectors as they are
_OBSERVED = 64  # dev queries; their vectors tell what a training did
_log = logging.getLogger("embedtune")


class MethodSelection(NamedTuple):
    """The outcome of ``select_method``.

    Attributes:
        best: The candidate that is shipped, or the one with the largest dev gain where none is.
        ships: Whether it is shipped.
        candidates: Records of all candidates, for the manifest.
    """

    best: Candidate
    ships: bool
    candidates: list[CandidateRecord]


def select_method(context: Context, method: str) -> MethodSelection:
    """Try one method, or with ``auto`` all of ``config.auto_methods``.

    A candidate replaces the best one so far when it beats the base by more than noise, and does better than that one: by more
    than noise where it needs a new index and that one does not.

    Raises:
        ConfigError: If the base cannot have the update of one of them, or fewer dimensions than are asked for.
    """
    names = _feasible(context, context.config.auto_methods) if method == "auto" else (method,)
    for name in names:
        check_method(context, name)
    best: Candidate | None = None
    closest: Candidate | None = None
    tried = []
    for name in names:
        candidate = METHODS[name](context, name, best)
        reason, better = _compare(context, candidate, best)
        _log.info("%s: dev gain %+.4f ± %.4f, %s", name, candidate.decision.gain, candidate.decision.error, reason)
        directions = {"directions": candidate.details["directions"]} if "directions" in candidate.details else {}
        # Of dev the fields that a candidate has too.
        values = {"method": name, **directions, **candidate.dev.as_json(), "reason": reason}
        tried.append(CandidateRecord.model_validate(values))
        best = candidate if better else best
        if closest is None or candidate.decision.gain > closest.decision.gain:
            closest = candidate
    assert closest, "there is at least one method"
    return MethodSelection(best or closest, best is not None, tried)


def check_method(context: Context, name: str) -> None:
    """Raise ``ConfigError`` if the base cannot have a method, or has fewer dimensions than are asked for."""
    own = context.base.model.get_embedding_dimension() or 0
    if wrong := [each for each in context.config.dims if each > own]:
        raise ConfigError(
            f"train.dims: expected numbers up to {own}, the dimensions of the base, found {', '.join(map(str, wrong))}"
        )

    if name in ADAPTED:
        UPDATES[name].build(context.load_base(), context.config)
    elif name == "query-lora" or (name in UPDATES and name not in ("head", "full")):
        adaptable_layers(context.base.model, context.config.layers)


def _feasible(context: Context, methods: Sequence[str]) -> Sequence[str]:
    """Return the methods without those that need judged queries, where there are none, unless none is left."""
    needing = ("passage-residuals",)
    others = [name for name in methods if name not in needing]
    if len(others) in (0, len(methods)) or judged_queries(context):
        return methods
    _log.info("%s: left out, because no train query is judged", ", ".join(needing))
    return others


def _compare(context: Context, candidate: Candidate, best: Candidate | None) -> tuple[str, bool]:
    if candidate.decision.ship == "base":
        return why_not_shipped(candidate.decision.gain, candidate.decision.error, _observed(context, candidate)), False
    if best is None:
        return why_shipped(candidate.decision), True
    dev = context.dev
    scores, others = dev.choosing_ranks(candidate.dense), dev.choosing_ranks(best.dense)
    if best.tuned.queries_only and not candidate.tuned.queries_only:
        if beats(scores, others, dev.clusters[dev.choosing]):
            return f"better than {best.name}, and worth a new index", True
        return f"better than the base, no more than noise over {best.name}, which needs no new index", False
    if scores.mean() > others.mean():
        return f"better than {best.name}", True
    return f"better than the base, not than {best.name}", False


def why_shipped(decision: Decision) -> str:
    """Return the reason, with the risk where the gain is within noise, as ``ship_errors`` below 1 allows."""
    if decision.gain > decision.error:
        return "better than the base"
    if decision.expected:
        return (
            f"within noise on dev; expected with what labels gain elsewhere: {decision.expected.gain:+.3f}, a chance of "
            f"{decision.expected.risk:.0%} that it is worse"
        )
    risk = NormalDist().cdf(-decision.gain / decision.error)
    return f"better than the base on dev, within noise: a chance of {risk:.0%} that it is worse"


def _observed(context: Context, candidate: Candidate) -> Training | None:
    losses = candidate.details.get("losses")
    if (
        not isinstance(losses, list) or not losses or candidate.tuned.changed_documents
    ):  # queries are not what it trained
        return None
    queries = context.dev.queries[:_OBSERVED]
    tuned = Encoder(candidate.tuned.model, precision=context.base.precision).encode_queries(queries)
    return observe(candidate.name, losses, context.base.encode_queries(queries), tuned)


def selection_record(
    context: Context, selection: MethodSelection, plan: Mapping[str, object], checks: Mapping[str, float]
) -> ModelRecord:
    """Return the record of a training: what is shipped, how it loads, its fusion weights and dev retrieval.

    ``plan`` has the fields that were known before it, ``checks`` those of the saved model, see ``save_selection``.
    """
    best, dev, ships = selection.best, context.dev, selection.ships
    sketch = ships and best.name == "hybrid-vector"
    weights = {"base": context.base_fusion_weight}
    if ships:
        weights["tuned"] = best.fusion_weight or choose_fusion_weight(dev, best.dense)
    values = {
        **plan,
        "trained_with": context.dataset_config.model_dump(include=set(TrainedWith.model_fields)),
        "shipped": "tuned" if ships else "base",
        "method": best.name,
        "passages": "base" if not ships or best.tuned.queries_only or sketch else "tuned",
        "sketch": sketch,
        "token_vectors": "base" if not ships or best.details.get("over", best.name) in _BEHIND_POOLING else "tuned",
        "loading": _OWN_LOADING.format(lost=_LOST[best.name]) if ships and best.name in _LOST else _LOADING,
        "quantize": best.scheme,
        "strength": best.decision.strength if ships else 0.0,
        "fusion_weights": weights,
        "dev": {
            "measure": "mean reciprocal rank",
            "n_queries": len(dev.queries),
            "n_clusters": len(set(dev.clusters.tolist())),
            "held_out": len(dev.confirming) if context.config.dev_held_out else 0,
            "base": rounded_mean(dev.choosing_ranks(context.retrieval.base)),
            **best.dev.as_json(),
        },
        **best.details,
        "candidates": selection.candidates,
        "checks": checks,
    }
    return ModelRecord.model_validate(values)
