"""Which system of a run an application should use."""

from __future__ import annotations

from embedtune.config.settings import EvaluateConfig
from embedtune.errors import ConfigError, did_you_mean
from embedtune.evaluation.verdict import PRIMARY
from embedtune.project.evaluation_records import EvaluationRecord, QuerySetRecord
from embedtune.project.layout import EVAL
from embedtune.project.manifest import MANIFEST, read_manifest, verify
from embedtune.project.records import Record
from embedtune.project.trained_run import TrainedRun
from embedtune.retrieval.late_interaction import DEPTH
from embedtune.serving.embedder import require_tuned
from embedtune.systems import BASE, TUNED, System, served_systems

_SHIPS = ("ship", "ship_query_side")


def systems_of(run: TrainedRun) -> list[str]:
    """Return the systems that a run has, in the order of tables: those of the tuned model only where training shipped one."""
    return [str(system) for system in served_systems(tuned=run.record.is_tuned)]


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
    shipped = run.record.shipped
    evaluation = _evaluation(run)
    systems = {_choose(results, shipped) for results in evaluation.sets.values()} if evaluation else set()
    return systems.pop() if len(systems) == 1 else shipped


def measured_precision(run: TrainedRun) -> str:
    """Return the precision in the settings of the run's evaluation; without one ``auto``, the default."""
    return _settings(run).precision


def reranked_depth(run: TrainedRun) -> int:
    """Return how many passages of a search the run's evaluation reranked; the default without one, or if it reranked none."""
    return _settings(run).rerank or DEPTH


def _settings(run: TrainedRun) -> EvaluateConfig:
    if not (run.folder / EVAL / MANIFEST).is_file():
        return EvaluateConfig()
    return EvaluateConfig.model_validate(read_manifest(run.folder / EVAL, Record).identity.config)


def _evaluation(run: TrainedRun) -> EvaluationRecord | None:
    """Return the run's evaluation, if there is one and it is of this model."""
    folder = run.folder / EVAL
    if not (folder / MANIFEST).is_file():
        return None
    manifest = verify(folder, EvaluationRecord)
    if (manifest.identity.model, manifest.identity.dataset) != (run.model.outputs, run.dataset.outputs):
        return None  # stale: it is of another model
    return manifest.record


def _choose(results: QuerySetRecord, shipped: str) -> str:
    decision, fusion = results.verdict.decision, str(System("hybrid", BASE))
    if decision == "use_fusion":
        return fusion
    if decision not in _SHIPS or shipped != TUNED:
        return BASE
    over = (results.comparison(fusion, model, PRIMARY) for model in (BASE, TUNED))
    fusion_wins = all(comparison and comparison.better for comparison in over)
    return str(System("hybrid" if fusion_wins else "dense", TUNED))
