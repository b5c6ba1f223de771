"""The trials of a search: each a training of its own over one encoded corpus, with checkpoints until its worth is known."""

from __future__ import annotations

import logging
import time
from pathlib import Path

from embedtune.config.search import SearchConfig
from embedtune.config.settings import GenerateConfig
from embedtune.config.training import TrainConfig
from embedtune.errors import DataError
from embedtune.pipeline.train import identity_of
from embedtune.pipeline.training_context import checkpoints_in, open_context
from embedtune.project.layout import CHECKPOINTS, TRIALS
from embedtune.project.manifest import Manifest
from embedtune.project.records import DatasetRecord
from embedtune.project.search_records import TrialRecord
from embedtune.project.writing import writing
from embedtune.regular import remove_folder
from embedtune.training.methods.context import Context
from embedtune.training.methods.select import METHODS, check_method
from embedtune.training.recipe import for_labels
from embedtune.training.search_space import build_space, settings_of
from embedtune.training.study import PrunedError, Study, Trial, best_of

_STUDY = "study.sqlite"
_log = logging.getLogger("embedtune")


class Trials:
    """The trials of one search, in ``RUN/.search``."""

    def __init__(
        self,
        run: Path,
        wanted: TrainConfig,
        recorded: Manifest[DatasetRecord],
        base_folder: Path,
        dataset_config: GenerateConfig,
    ) -> None:
        """``wanted`` are the settings that all trials share, ``recorded`` is the manifest of the dataset."""
        self._run, self._folder, self._wanted = run, run / TRIALS, wanted
        self._recorded, self._base_folder, self._dataset_config = recorded, base_folder, dataset_config

    def search(self, config: SearchConfig, name: str) -> list[TrialRecord]:
        """Train until there are enough trials or no time is left; return all that there are under this name.

        Raises as ``pipeline.search.search`` does.
        """
        until = time.monotonic() + 60 * config.minutes
        context = open_context(self._wanted, self._dataset_config, self._base_folder, self._run, {})
        check_method(context, self._wanted.method)
        base = float(context.dev.choosing_ranks(context.retrieval.base).mean())
        space = build_space(config.space, context.config, temperature=context.temperature)
        with writing(self._folder):
            self._folder.mkdir(exist_ok=True)
        study = Study(self._folder / _STUDY, name, space, seed=config.seed)
        _log.info("search: %d of %d trials done; dev of the base %.3f", study.ended, config.trials, base)
        best = best_of(study.records())
        while study.ended < config.trials and (best is None or time.monotonic() < until):
            trial = study.next()
            context = self._train(trial, context)
            best = best_of(study.records())
            self._keep(best)
            _log.info("trial %d of %d: %s", trial.number + 1, config.trials, study.records()[-1])
        return study.records()

    def hand_over(self, best: TrialRecord) -> None:
        """Let the next training with the settings of this trial begin where the trial ended, if its checkpoints are there."""
        kept = self._folder / str(best.number)
        if kept.is_dir():
            remove_folder(self._run / CHECKPOINTS)
            kept.rename(self._run / CHECKPOINTS)

    def _train(self, trial: Trial, context: Context) -> Context:
        """Train, and return the context for the next one."""
        settings, method = settings_of(trial.proposed, self._wanted), self._wanted.method
        identity = identity_of("train", settings, self._recorded, self._base_folder)
        context = context.with_config(
            for_labels(settings, context.dataset.splits["train"]),
            checkpoints=checkpoints_in(self._folder / str(trial.number), identity, settings.checkpoint_seconds),
            on_dev=trial.see,
        )
        try:
            candidate = METHODS[method](context, method)
        except PrunedError:
            trial.prune()
        except DataError as error:  # such as a loss that is not finite
            trial.fail(str(error))
        else:
            trial.end(float(context.dev.choosing_ranks(candidate.dense).mean()))
        return context

    def _keep(self, best: TrialRecord | None) -> None:
        """Delete the checkpoints of all trials but the best."""
        for folder in self._folder.iterdir():
            if folder.is_dir() and not (best and folder.name == str(best.number)):
                remove_folder(folder)
