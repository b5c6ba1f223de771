"""Which system of a run an application should use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from embedtune.errors import ConfigError, did_you_mean
from embedtune.evaluation.significance import ALPHA
from embedtune.evaluation.verdict import PRIMARY
from embedtune.project.layout import EVAL
from embedtune.project.manifest import MANIFEST, read_manifest, verify
from embedtune.project.trained_run import TrainedRun
from embedtune.retrieval.late_interaction import DEPTH
from embedtune.serving.embedder import require_tuned
from embedtune.systems import BASE, TUNED, System, served_systems

_SHIPS = ("ship", "ship_query_side")


def systems_of(run: TrainedRun) -> list[str]:
    """Return the systems that a run has, in the order of tables: those of the tuned model only where training shipped one."""
    return [str(system) for system in served_systems(tuned=run.model["facts"]["shipped"] == TUNED)]


def check_system(run: TrainedRun, system: str) -> str:
    """Return the system that is meant; ``auto`` is what ``choose_system`` says.

    Raises:
        ConfigError: If there is no such system.
        DataError: If it needs a tuned model and training shipped none.
    """
    if system == "auto":
        return choose_system(run)
    served = [str(each) for each in served_systems(tuned=True)]
    if system not in served:
        meant = did_you_mean(system, served)
        raise ConfigError(f"system: expected auto or one of {', '.join(served)}, found {system!r}{meant}")
    if System.parse(system).model == TUNED:
        require_tuned(run)
    return system


def choose_system(run: TrainedRun) -> str:
    """Return the system that the verdict of an evaluation names; without one, the model that training shipped, unfused.

    ``use_fusion`` means the base fused with BM25, as its reason says; ``ship`` and ``ship_query_side`` the tuned model, fused
    where the untuned fusion had beaten both models alone; anything else the base. Where several query sets were judged and
    their verdicts name different systems, it is what training shipped.

    Raises:
        IntegrityError: If the evaluation was changed since it was written.
    """
    shipped: str = run.model["facts"]["shipped"]
    measured = _measured(run)
    systems = (
        {_named_by(facts, shipped) for facts in measured.get("sets", {"": measured}).values()} if measured else set()
    )
    return systems.pop() if len(systems) == 1 else shipped


def measured_precision(run: TrainedRun) -> str:
    """Return the precision that the run's evaluation was asked for; without one ``auto``, which it takes unless it is told."""
    if not (run.folder / EVAL / MANIFEST).is_file():
        return "auto"
    found: str = read_manifest(run.folder / EVAL)["identity"]["config"]["precision"]
    return found


def reranked_depth(run: TrainedRun) -> int:
    """Return how many passages of a search the run's evaluation reranked; without one, or if none, the usual number."""
    if not (run.folder / EVAL / MANIFEST).is_file():
        return DEPTH
    found: int = read_manifest(run.folder / EVAL)["identity"]["config"].get("rerank", 0)
    return found or DEPTH


def _measured(run: TrainedRun) -> dict[str, Any] | None:
    """Return ``metrics.json``, if there is one and it judges this very model."""
    folder = run.folder / EVAL
    if not (folder / MANIFEST).is_file():
        return None
    identity = verify(folder)["identity"]
    if (identity.get("model"), identity.get("dataset")) != (run.model["outputs"], run.dataset["outputs"]):
        return None  # stale: it judged another model
    facts: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return facts


def _named_by(facts: Mapping[str, Any], shipped: str) -> str:
    decision = facts["verdict"]["decision"]
    if decision == "use_fusion":
        return str(System("hybrid", BASE))
    if decision not in _SHIPS or shipped != TUNED:
        return BASE
    return str(System("hybrid" if _fusion_wins(facts["comparisons"]) else "dense", TUNED))


def _fusion_wins(comparisons: list[dict[str, Any]]) -> bool:
    """Tell, as the verdict did, whether the untuned fusion is better than either model alone."""
    better = {
        (row["a"], row["b"])
        for row in comparisons
        if row["measure"] == PRIMARY and row["p_value"] <= ALPHA and row["ci95"][0] > 0
    }
    return {(str(System("hybrid", BASE)), model) for model in (BASE, TUNED)} <= better
