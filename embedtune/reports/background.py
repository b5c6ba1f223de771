"""What a report shows of dataset and training: settings, counts, time and cost, as their manifests recorded them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from embedtune.config.settings import EvaluateConfig
from embedtune.project.manifest import Manifest, library_versions
from embedtune.project.records import DatasetRecord, Record
from embedtune.project.trained_run import TrainedRun
from embedtune.redaction import redact
from embedtune.reports.figures import thinned

_MADE = ("started", "duration_s", "python", "system", "cpus")
_DATASET = ("documents", "skipped", "passages", "queries", "split_by", "window")
_TRAINED = ("shipped", "method", "passages", "quantize", "strength", "fusion_weights", "dev", "candidates", "checks")
_CALLS = ("model", "calls", "answered", "prompt_tokens", "completion_tokens")


def background(run: TrainedRun, config: EvaluateConfig) -> dict[str, object]:
    """Return what a report shows of dataset and training.

    Times and machine are those that the manifests of dataset and model recorded, so the same run gives the same bytes whenever
    it is evaluated; those of the evaluation itself are in its own manifest only.
    """
    dataset, model = run.dataset, run.model
    return {
        "title": Path(dataset.record.source or run.settings.source or "").name or "dataset",
        "base_model": _name(run.settings.model),
        "dataset": _some(dataset.record, _DATASET),
        "training": {
            "candidates": [],
            **_some(model.record, _TRAINED),
            "losses": thinned(model.record.losses),
            "n_losses": len(model.record.losses),
        },
        "llm": _llm(dataset),
        "settings": {
            "generate": _redacted(dataset.identity.config),
            "train": _redacted(model.identity.config),
            "eval": config.model_dump(mode="json", exclude={"queries", "models", "forgetting"}),
        },
        "versions": library_versions(),
        "made": {
            "generate": _some(dataset.circumstances, _MADE),
            "train": _some(model.circumstances, _MADE),
            "eval": {},
        },
    }


def _some(record: Record, names: Sequence[str]) -> dict[str, object]:
    known = record.as_json()
    return {name: known[name] for name in names if name in known}


def _name(model: str) -> str:
    """Return the name of a model on the hub, or that of its folder without the path."""
    return Path(model).name if Path(model).exists() else redact(model)


def _llm(dataset: Manifest[DatasetRecord]) -> dict[str, object] | None:
    """Return the calls of a language model and their cost; None where no model was called."""
    record, costs = dataset.record.llm, dataset.circumstances.llm
    if not record:
        return None
    return {"cost": None} | _some(record, _CALLS) | (_some(costs, (*_CALLS, "cost")) if costs else {})


def _redacted(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _redacted(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_redacted(each) for each in value]
    return redact(value) if isinstance(value, str) else value
