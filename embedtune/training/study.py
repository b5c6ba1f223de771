"""A study of optuna's in a file: which settings to try next, which training to break off, and which was best.

Settings are proposed by a tree-structured Parzen estimator (Bergstra et al. 2011). A training is broken off when dev is below
the median of the others at the same share of their steps (the median stopping rule, Golovin et al. 2017).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedtune.errors import DataError
from embedtune.extras import requires
from embedtune.project.search_records import TrialRecord, TrialState
from embedtune.regular import open_regular

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna import Trial as OptunaTrial
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

_UNPRUNED = 4  # trials before any is broken off
_RANDOM = 6  # trials before the estimator begins
_REASON = "reason"
_FAULTS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What rows that optuna did not write end in."""


class PrunedError(Exception):
    """A training is broken off."""


class Trial:
    """One training.

    Attributes:
        number: From 0.
        proposed: Setting → value.
    """

    def __init__(self, study: OptunaStudy, trial: OptunaTrial, space: Mapping[str, BaseDistribution]) -> None:
        self.number: int = trial.number
        # What a killed process had not proposed yet is proposed now.
        self.proposed: dict[str, Any] = {
            name: _rounded(trial._suggest(name, each), each) for name, each in space.items()
        }
        self._study, self._trial, self._n_seen = study, trial, 0

    def see(self, score: float) -> None:
        """Take the next dev score of the training; raises ``PrunedError`` if it is to be broken off.

        A training that goes on after a break brings its first ones again.
        """
        self._n_seen += 1
        known = self._study.trials[self.number].intermediate_values
        if self._n_seen not in known:
            self._trial.report(score, self._n_seen)
        if self._trial.should_prune():
            raise PrunedError

    def end(self, score: float) -> None:
        """Take the dev score of the finished training."""
        self._study.tell(self._trial, score)

    def prune(self) -> None:
        """Note that it was broken off."""
        self._tell("PRUNED")

    def fail(self, reason: str) -> None:
        """Note that it could not be trained, and why."""
        self._trial.set_user_attr(_REASON, reason)
        self._tell("FAIL")

    def _tell(self, state: str) -> None:
        from optuna.trial import TrialState as States

        self._study.tell(self._trial, state=States[state])


class Study:
    """The trials of one search; what a killed process had begun is begun again first."""

    def __init__(self, file: Path, name: str, space: Mapping[str, tuple[BaseDistribution, Any]], *, seed: int) -> None:
        """Open a study by its name, or make it: the first trial has the settings that ``train`` would take.

        Raises:
            ConfigError: If optuna is not installed.
            DataError: If the file is no database of such studies.
        """
        with requires("embedtune[search]", where="search"):
            import optuna
            from sqlalchemy.exc import SQLAlchemyError
        self.file, self._seed = file, seed
        self._space = {key: distribution for key, (distribution, _) in space.items()}
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            if file.exists():
                open_regular(file).close()
                _check_tables(file)
            # By a function, because a path in an address has to be escaped.
            options = {"creator": lambda: sqlite3.connect(file, check_same_thread=False)}
            storage = optuna.storages.RDBStorage("sqlite://", engine_kwargs=options)
            self._study: OptunaStudy = optuna.create_study(
                storage=storage,
                study_name=name,
                direction="maximize",
                load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(n_startup_trials=_UNPRUNED),
            )
            found = self._study.trials
            self._check(found)
        except (OSError, sqlite3.Error, SQLAlchemyError, optuna.exceptions.OptunaError, *_FAULTS) as error:
            said = str(error).partition("\n")[0]
            raise DataError(
                f"{file}: expected the study of a search, found: {said}", hint="search again with --force"
            ) from error
        if not found:
            self._study.enqueue_trial({key: usual for key, (each, usual) in space.items() if _holds(each, usual)})

    def _check(self, trials: Sequence[FrozenTrial]) -> None:
        """Raise ``ValueError`` unless these are trials of this search: whoever wrote the file chooses settings by it."""
        if self._study.direction.name != "MAXIMIZE":
            raise ValueError("a study that minimises")
        for number, trial in enumerate(trials):
            others = [name for name, each in trial.distributions.items() if self._space.get(name) != each]
            if (
                trial.number != number
                or others
                or (trial.state.is_finished() and len(trial.distributions) < len(self._space))
            ):
                raise ValueError(f"trial {trial.number} with other settings, or at place {number}")
            score = _record(trial).score if trial.state.is_finished() else None
            if score is not None and not 0 <= score <= 1:
                raise ValueError(f"trial {number} with a dev score of {score}")

    def next(self) -> Trial:
        """Return the trial that was broken off by a stop, or a new one.

        A new one depends on the seed, its number and what came before alone, wherever the search was interrupted.
        """
        from optuna import Trial as OptunaTrial
        from optuna.samplers import TPESampler

        begun = next((each for each in self._study.trials if each.state.name == "RUNNING"), None)
        self._study.sampler = TPESampler(n_startup_trials=_RANDOM, seed=(self._seed * 1_000_003 + self.ended) % 2**32)
        trial = OptunaTrial(self._study, begun._trial_id) if begun else self._study.ask()
        return Trial(self._study, trial, self._space)

    @property
    def ended(self) -> int:
        """Number of trials that came to an end."""
        return sum(each.state.is_finished() for each in self._study.trials)

    def records(self) -> list[TrialRecord]:
        """Return the trials that came to an end, in order."""
        return [_record(each) for each in self._study.trials if each.state.is_finished()]


def _check_tables(file: Path) -> None:
    """Raise ``ValueError`` where a database has more than tables: a view can be computed without an end."""
    with closing(sqlite3.connect(file)) as connection:
        if found := connection.execute("SELECT type FROM sqlite_master WHERE type IN ('view', 'trigger')").fetchone():
            raise ValueError(f"a {found[0]}")


def best_of(trials: Sequence[TrialRecord]) -> TrialRecord | None:
    """Return the finished trial with the best score, of equals the first; None if there is none."""
    done = [trial for trial in trials if trial.state == "done"]
    return max(done, key=lambda trial: (trial.score or 0, -trial.number), default=None)


def _rounded(value: Any, distribution: BaseDistribution) -> Any:
    """Return a value of a range with three digits: more say nothing, and recipes are read by people."""
    is_choice = hasattr(distribution, "choices")
    return float(f"{value:.3g}") if isinstance(value, float) and not is_choice else value


def _holds(distribution: BaseDistribution, value: Any) -> bool:
    choices = getattr(distribution, "choices", None)
    if choices is not None:
        return value in choices
    return value is not None and distribution.low <= value <= distribution.high


_STATES: dict[str, TrialState] = {"COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed"}


def _record(trial: FrozenTrial) -> TrialRecord:
    seen = trial.intermediate_values
    last = trial.value if trial.value is not None else seen[max(seen)] if seen else None
    return TrialRecord(
        number=trial.number,
        state=_STATES[trial.state.name],
        settings={name: _rounded(value, trial.distributions[name]) for name, value in trial.params.items()},
        score=None if last is None else round(last, 4),
        reason=trial.user_attrs.get(_REASON, ""),
    )
