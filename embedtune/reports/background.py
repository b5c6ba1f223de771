"""What a report tells of dataset and training: settings, facts, time, cost, as their manifests recorded them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from embedtune.config.settings import EvaluateConfig
from embedtune.project.manifest import library_versions
from embedtune.project.trained_run import TrainedRun
from embedtune.redaction import redact
from embedtune.reports.figures import thinned

_MADE = ("started", "duration_s", "python", "system", "cpus")
_DATASET = ("documents", "skipped", "passages", "queries", "split_by", "window")
_TRAINED = (
    "shipped",
    "method",
    "queries_only",
    "quantize",
    "strength",
    "fusion_weights",
    "dev",
    "candidates",
    "checks",
)
_CALLS = ("model", "calls", "answered", "prompt_tokens", "completion_tokens")


def background(run: TrainedRun, config: EvaluateConfig) -> dict[str, Any]:
    """Return all of a report that does not depend on the queries.

    Times and machine are those that the manifests of dataset and model recorded, so the same run gives the same bytes whenever
    it is evaluated; those of the evaluation itself stand in its own manifest alone.
    """
    dataset, model = run.dataset, run.model
    return {
        "title": Path(dataset["facts"].get("source") or run.settings.source or "").name or "dataset",
        "base_model": _name(run.settings.model),
        "dataset": {name: dataset["facts"][name] for name in _DATASET if name in dataset["facts"]},
        "training": _training(model["facts"]),
        "llm": _llm(dataset),
        "settings": {
            "generate": _redacted(dataset["identity"]["config"]),
            "train": _redacted(model["identity"]["config"]),
            "eval": config.model_dump(mode="json", exclude={"queries", "models", "forgetting"}),
        },
        "versions": library_versions(),
        "made": {"generate": _made(dataset), "train": _made(model), "eval": {}},
    }


def _name(model: str) -> str:
    """Return the name of a model on the hub, or that of its folder without the way to it."""
    return Path(model).name if Path(model).exists() else redact(model)


def _training(facts: Mapping[str, Any]) -> dict[str, Any]:
    losses: Sequence[float] = facts.get("losses", [])
    told = {name: facts[name] for name in _TRAINED if name in facts}
    return {"candidates": [], **told, "losses": thinned(losses), "n_losses": len(losses)}


def _llm(dataset: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what a language model was asked and what was paid; None where none was asked."""
    facts = dataset["facts"].get("llm")
    if not facts:
        return None
    spent = dataset["circumstances"].get("llm", {})
    return {name: spent.get(name, facts[name]) for name in _CALLS} | {"cost": spent.get("cost")}


def _made(manifest: Mapping[str, Any]) -> dict[str, Any]:
    known = manifest.get("circumstances", {})
    return {name: known[name] for name in _MADE if name in known}


def _redacted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _redacted(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_redacted(each) for each in value]
    return redact(value) if isinstance(value, str) else value
