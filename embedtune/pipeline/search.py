"""Search over settings of training: many trainings judged on dev, and the best of them as the run's model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import yaml

from embedtune.config.search import SearchConfig
from embedtune.config.settings import takes_settings
from embedtune.config.training import TrainConfig
from embedtune.errors import ConfigError, DataError
from embedtune.pipeline import preflight
from embedtune.pipeline.search_trials import Trials
from embedtune.pipeline.train import identity_of, train
from embedtune.project.layout import DATASET, MODEL, SEARCH, TRIALS
from embedtune.project.lock import locked
from embedtune.project.manifest import stage_folder, verify
from embedtune.project.records import DatasetRecord, ModelRecord
from embedtune.project.search_records import SearchRecord, TrialRecord
from embedtune.project.stage import StageResult, skip_or_plan
from embedtune.project.trained_run import dataset_settings
from embedtune.regular import remove_folder
from embedtune.text.hashing import hash_json
from embedtune.training.search_space import settings_of
from embedtune.training.study import best_of
from embedtune.training.updates.registry import UPDATES

RECIPE = "recipe.yaml"
_OF_TRIALS = {"n_evals": 3, "dev_held_out": 0.5}  # unless they are set


@takes_settings(SearchConfig)
@locked("run")
def search(
    config: SearchConfig, run: str | Path, *, force: bool = False, dry_run: bool = False
) -> StageResult[SearchRecord]:
    """Train a run's base many times with other settings, and leave the best model as ``train`` would have made it.

    Writes ``RUN/search`` with ``recipe.yaml``, the best settings for ``train``, and ``RUN/model``. Trials train on train
    queries and are compared on one part of the dev queries. The others, half of them by default, have seen no trial: they
    decide whether the best one is shipped, so that this decision is as good as that of a single training. An interrupted
    search goes on where it stopped, and one with more trials or minutes goes on from the trials that there are.

    Args:
        config: Settings.
        run: The run folder, with a finished dataset.
        force: Search anew.
        dry_run: Report what would happen; write nothing.

    Raises:
        ConfigError: If the method cannot be searched, or ``train`` does not take a value of the space.
        DataError: If there is no dataset, too few dev queries, or no trial could be trained.
        IntegrityError: If the dataset was changed since it was written.
        ResourceError: If the folder cannot be written.
        InUseError: If another process works in the run folder.
        StoppedError: After Ctrl-C or SIGTERM; the step was finished and saved.
    """
    run, wanted = Path(run), _settings(config)
    recorded = verify(run / DATASET, DatasetRecord)
    dataset_config = dataset_settings(recorded, trust_remote_code=wanted.trust_remote_code)
    base_folder = preflight.find_base(dataset_config.model, run / MODEL, download=False)
    own = config.model_dump(mode="json", exclude={"train", "trials", "minutes"})
    study = {**identity_of("search", wanted, recorded, base_folder), "search": own}
    identity = {**study, "trials": config.trials, "minutes": config.minutes}
    check = partial(preflight.before_train, wanted, dataset_config, run / MODEL, base_folder)
    plan = {"method": wanted.method, "trials": config.trials}
    if done := skip_or_plan(run / SEARCH, identity, SearchRecord, plan, force=force, dry_run=dry_run, check=check):
        return done
    if force:
        remove_folder(run / TRIALS)
    trials = Trials(run, wanted, recorded, base_folder, dataset_config)
    found = trials.search(config, hash_json(study))
    best = best_of(found)
    if best is None:
        raise DataError(f"search: expected a trial that could be trained, found none: {found[-1].reason}")
    settings = settings_of(best.settings, wanted)
    trials.hand_over(best)
    model = train(settings, run).record
    with stage_folder(run / SEARCH, identity) as stage:
        stage.record = record = _record(found, best, model)
        (stage.path / RECIPE).write_text(_recipe(settings, record), encoding="utf-8")
    return StageResult(run / SEARCH, "done", record)


def _settings(config: SearchConfig) -> TrainConfig:
    """Return the settings that all trainings share."""
    given = config.train.model_dump(exclude_unset=True)
    wanted = TrainConfig.model_validate({**_OF_TRIALS, **given})
    if wanted.method not in UPDATES:
        raise ConfigError(
            f"search.train.method: expected one of {', '.join(UPDATES)}, found {wanted.method}",
            hint="other methods have few settings: train --method auto compares them",
        )
    trusted = config.trust_remote_code or config.train.trust_remote_code
    return wanted.model_copy(update={"trust_remote_code": trusted})


def _record(trials: Sequence[TrialRecord], best: TrialRecord, model: ModelRecord) -> SearchRecord:
    assert model.dev, "of a training that has just ended"
    return SearchRecord(
        method=model.method,
        trials=list(trials),
        base=model.dev.base,
        n_queries=model.dev.n_queries,
        held_out=model.dev.held_out,
        best=best.number,
        shipped=model.shipped,
        gain=model.dev.gain,
        standard_error=model.dev.standard_error,
        reason=model.reason,
    )


def _recipe(settings: TrainConfig, record: SearchRecord) -> str:
    about = "".join(f"# {line}\n" for line in record.summary().splitlines())
    values = {"train": settings.model_dump(mode="json", exclude_unset=True)}
    return f"# Found by embedtune search; for embedtune train RUN --config.\n{about}{yaml.safe_dump(values, sort_keys=False)}"
