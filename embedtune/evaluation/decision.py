"""The one decision about a run: which of its systems to use, from the best evidence there is.

The evaluation decides. Before there is one, training has named a candidate. Whatever serves or shows a run asks here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import NamedTuple

from embedtune.evaluation.verdict import PRIMARY
from embedtune.project.evaluation_records import EvaluationRecord, QuerySetRecord
from embedtune.project.layout import EVAL
from embedtune.project.manifest import MANIFEST, Manifest, verify
from embedtune.project.trained_run import TrainedRun
from embedtune.systems import BASE, TUNED, System

_log = logging.getLogger("embedtune")
_SHIPS = ("ship", "ship_query_side")


class Decision(NamedTuple):
    """Which system of a run to use.

    Attributes:
        system: ``base``, ``tuned``, ``hybrid_base`` or ``hybrid_tuned``.
        reason: One sentence: the verdict's first, or what training saw on dev.
        evidence: Where it comes from: ``evaluation`` or ``training``.
        queries: Name of the query set that decided; empty without an evaluation.
        stale: Why the model or the evaluation is not of this run as it is now; empty where they are.
    """

    system: str
    reason: str
    evidence: str = "evaluation"
    queries: str = ""
    stale: str = ""

    @property
    def model(self) -> str:
        """``base`` or ``tuned``."""
        return System.parse(self.system).model or BASE

    def __str__(self) -> str:
        where = f"by the evaluation on {self.queries}" if self.evidence == "evaluation" else "training's candidate"
        return f"{self.system}, {where}{f', which is stale: {self.stale}' if self.stale else ''}"


def decide(run: TrainedRun) -> Decision:
    """Return the decision about a run.

    It is that of the evaluation, even of a stale one, which is then named; a model that training did not ship cannot be used.
    Without an evaluation it is training's candidate.

    Raises:
        IntegrityError: If the evaluation was changed since it was written.
    """
    evaluation = read_evaluation(run)
    if evaluation is None:
        return _candidate(run)._replace(stale=run.stale)
    stale = run.stale or _changed_since(run, evaluation)
    return decide_by(evaluation.record.sets.values(), run.record.shipped)._replace(stale=stale)


def follow(run: TrainedRun) -> Decision:
    """Return the decision for somebody who will use it, and warn where the evaluation is stale."""
    decision = decide(run)
    if decision.stale:
        _log.warning("%s: %s is used by a decision that is stale: %s", run.folder, decision.system, decision.stale)
    return decision


def decide_by(sets: Iterable[QuerySetRecord], shipped: str) -> Decision:
    """Return the decision of an evaluation.

    People's queries decide before synthetic ones. Among the rest, the first firm verdict of the largest set does; where none is
    firm, the base stays.

    Args:
        sets: The results on each query set, one or more.
        shipped: What training shipped, ``base`` or ``tuned``.
    """
    ordered = sorted(
        sets, key=lambda found: (not found.is_of_people, found.verdict.decision == "inconclusive", -found.n_queries)
    )
    deciding = ordered[0]
    return Decision(_system_of(deciding, shipped), deciding.verdict.reasons[0], queries=deciding.queries)


def read_evaluation(run: TrainedRun) -> Manifest[EvaluationRecord] | None:
    """Return the run's last evaluation, if there is one.

    Raises:
        IntegrityError: If it was changed since it was written.
    """
    folder = run.folder / EVAL
    return verify(folder, EvaluationRecord) if (folder / MANIFEST).is_file() else None


def _changed_since(run: TrainedRun, evaluation: Manifest[EvaluationRecord]) -> str:
    """Return what has changed since a run was evaluated; empty if nothing has."""
    changed = [
        name
        for name, evaluated, now in (
            ("documents and queries", evaluation.identity.dataset, run.dataset.outputs),
            ("model", evaluation.identity.model, run.model.outputs),
        )
        if evaluated != now
    ]
    return f"{' and '.join(changed)} changed since; run `embedtune eval {run.folder}`" if changed else ""


def _candidate(run: TrainedRun) -> Decision:
    record = run.record
    if not run.is_trained:
        return Decision(BASE, "Nothing has been trained yet.", "training")
    if not record.is_tuned:
        return Decision(BASE, f"Training kept the base: {record.why_base}.", "training")
    gain = (
        f"{record.dev.gain:+.3f} ± {record.dev.standard_error:.3f} {record.dev.measure} on dev"
        if record.dev
        else "better on dev"
    )
    return Decision(
        TUNED, f"The tuned model is a candidate ({gain}); `embedtune eval {run.folder}` decides.", "training"
    )


def _system_of(results: QuerySetRecord, shipped: str) -> str:
    """Return what a verdict means.

    With ``use_fusion`` it is the base fused with BM25; with ``ship`` the tuned model, fused where the untuned fusion had beaten
    both models alone; with anything else the base.
    """
    fusion = str(System("hybrid", BASE))
    if results.verdict.decision == "use_fusion":
        return fusion
    if results.verdict.decision not in _SHIPS or shipped != TUNED:
        return BASE
    over = (results.comparison(fusion, model, PRIMARY) for model in (BASE, TUNED))
    fusion_wins = all(comparison and comparison.better for comparison in over)
    return str(System("hybrid" if fusion_wins else "dense", TUNED))
