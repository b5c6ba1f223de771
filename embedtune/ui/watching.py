"""The story of a run's work: its events, folded into what the page shows of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from embedtune.events import (
    EVENTS,
    DevMeasured,
    Event,
    FileSkipped,
    Progress,
    Said,
    StageEnded,
    StageStarted,
    StepTrained,
    WorkEnded,
    WorkStarted,
    read_events,
)
from embedtune.project.layout import DATASET, EVAL, MODEL
from embedtune.reports.charts import Chart, line_chart
from embedtune.ui.jobs import Job, find_job, last_job, log_tail

_STAGES = {DATASET: "generate", MODEL: "train", EVAL: "evaluate"}
_MOST_POINTS = 400  # of a curve; more are thinned
_MOST_MESSAGES = 200
_MOST_SKIPPED = 1000


@dataclass
class Story:
    """What has happened so far.

    Attributes:
        stages: Stage → ``running``, ``done``, or ``skipped`` (nothing had changed).
        facts: Sentences about stages that are done: what was read, kept and dropped.
        running: Pieces of work that have not ended, the outer ones first.
        losses: Step and loss; ``dev``: step and mean reciprocal rank, of the method that is trained now.
        skipped: Documents that were not read, and why.
    """

    started: WorkStarted | None = None
    ended: WorkEnded | None = None
    stages: dict[str, str] = field(default_factory=dict)
    facts: dict[str, list[str]] = field(default_factory=dict)
    running: dict[str, Progress] = field(default_factory=dict)
    losses: list[tuple[float, float]] = field(default_factory=list)
    dev: list[tuple[float, float]] = field(default_factory=list)
    base: float = 0.0
    skipped: list[FileSkipped] = field(default_factory=list)
    messages: list[Said] = field(default_factory=list)

    def take(self, events: Iterable[Event]) -> None:
        """Go on with the story."""
        for event in events:
            self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case WorkStarted():
                self.__init__(started=event)  # type: ignore[misc]
            case WorkEnded():
                self.ended = event
                self.running.clear()
            case StageStarted() | StageEnded():
                self._take_stage(event)
            case Progress():
                self.running.pop(event.what, None)
                if not event.ended:
                    self.running[event.what] = event
            case StepTrained():
                _add(self.losses, event.step, event.loss)
            case DevMeasured():
                self.base = event.base
                _add(self.dev, event.step, event.score)
            case FileSkipped():
                self.skipped = [*self.skipped, event][:_MOST_SKIPPED]
            case Said():
                self.messages = [*self.messages, event][-_MOST_MESSAGES:]

    def _take_stage(self, event: StageStarted | StageEnded) -> None:
        if isinstance(event, StageStarted):
            self.stages[event.stage] = "running"
            if event.stage == MODEL:
                self.losses, self.dev = [], []
        else:
            self.stages[event.stage] = event.status
            self.facts[event.stage] = facts_of(event.stage, event.record)

    @property
    def pieces(self) -> list[Progress]:
        """What is running, the largest first: training before the dev retrieval inside it."""
        return sorted(self.running.values(), key=lambda each: each.what != "train")

    def charts(self) -> list[Chart]:
        """Return the curves of the loss and of dev, where they have two points."""
        found = []
        if len(self.losses) > 1:
            thin = self.losses[:: 1 + len(self.losses) // _MOST_POINTS]
            found.append(
                line_chart(
                    {"loss": thin}, title="Training loss by step", x_label="step", y_label="loss", colours={"loss": 2}
                )
            )
        if self.dev:
            found.append(
                line_chart(
                    {"dev": [(0.0, self.base), *self.dev]},
                    title="Dev by step (mean reciprocal rank)",
                    x_label="step",
                    y_label="mean reciprocal rank",
                    level=("base", self.base),
                    colours={"dev": 2},
                )
            )
        return found


def _add(curve: list[tuple[float, float]], step: int, value: float) -> None:
    """Add a point; a step that was there already begins the curve of another method."""
    if curve and step <= curve[-1][0]:
        curve.clear()
    curve.append((float(step), value))


def facts_of(stage: str, record: Mapping[str, Any]) -> list[str]:
    """Say in sentences what a stage did; values that are not there are left out, for a record may be of another version."""
    try:
        return _FACTS[stage](record) if stage in _FACTS else []
    except (KeyError, TypeError, ValueError, AttributeError):
        return []


def _dataset_facts(record: Mapping[str, Any]) -> list[str]:
    kept = ", ".join(f"{sum(kinds.values()):,} {split}" for split, kinds in record["queries"].items())
    dropped = {name.replace("_", " "): n for name, n in record.get("dropped_queries", {}).items() if n}
    said = ", ".join(f"{n:,} {name}" for name, n in dropped.items())
    return [
        f"{record['documents']:,} documents read, {record['skipped']:,} not read; {record['passages']:,} passages.",
        f"Queries kept: {kept}. Dropped: {said or 'none'}.",
    ]


def _model_facts(record: Mapping[str, Any]) -> list[str]:
    found = [f"Method {record['method']}; saved: the {record['shipped']} model."]
    if dev := record.get("dev"):
        found.append(f"Dev gain {dev['gain']:+.3f} ± {dev['standard_error']:.3f}; the evaluation decides.")
    return found


def _evaluation_facts(record: Mapping[str, Any]) -> list[str]:
    sets = record.get("sets") or {record["queries"]: record}
    return [f"{name}: {found['verdict']['reasons'][0]}" for name, found in sets.items()]


_FACTS = {DATASET: _dataset_facts, MODEL: _model_facts, EVAL: _evaluation_facts}


class Watch:
    """Follows the work in one run folder."""

    def __init__(self, run: Path) -> None:
        """Begin with nothing read."""
        self.run = run
        self.story = Story()
        self.job: Job | None = None
        self._offset = 0

    def look(self) -> bool:
        """Read what is new; return whether the work goes on."""
        self.job = find_job(self.run)  # before the file: what ends in between has written its end
        events, self._offset = read_events(self.run / EVENTS, self._offset)
        self.story.take(events)
        return self.job is not None

    @property
    def state(self) -> str:
        """``working``; ``done``, ``stopped`` or ``failed``; ``killed`` without a word; ``idle`` where nothing has been done."""
        if self.job:
            return "working"
        if self._is_told and self.story.ended:
            return self.story.ended.status
        if not self._is_told:
            return "failed"
        return "killed" if self.story.started else "idle"

    @property
    def said(self) -> str:
        """What the last job printed, where its events do not tell how it ended."""
        return "" if self.job or (self._is_told and self.story.ended) else log_tail(self.run)

    @property
    def _is_told(self) -> bool:
        """Whether the events are of the last job, or there was none that a page started."""
        job, started = last_job(self.run), self.story.started
        return job is None or (started is not None and (started.pid == job.pid or started.time > job.created))

    def stages(self) -> dict[str, tuple[str, str]]:
        """Return stage → its name for people and its state, which is ``waiting`` where the work has not come to it."""
        known = {stage: state for stage, state in self.story.stages.items() if stage in _STAGES}
        if self.job and self.job.what == "run":
            known = {stage: known.get(stage, "waiting") for stage in _STAGES}
        return {
            stage: (_STAGES[stage], "broken off" if state == "running" and not self.job else state)
            for stage, state in known.items()
        }
