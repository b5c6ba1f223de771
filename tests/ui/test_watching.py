from __future__ import annotations

import json
import os

import pytest

from embedtune.errors import DataError
from embedtune.events import (
    EVENTS,
    DevMeasured,
    FileSkipped,
    Progress,
    StageEnded,
    StageStarted,
    StepTrained,
    WorkEnded,
    WorkStarted,
    emit,
    record,
)
from embedtune.ui.views import fill
from embedtune.ui.watching import Story, Watch, facts_of
from tests.ui.hostile_run import HOSTILE

DATASET = {
    "documents": 30,
    "skipped": 2,
    "passages": 99,
    "queries": {"train": {"heading": 3, "span": 4}},
    "dropped_queries": {"round_trip": 5, "x": 0},
}


def test_events_are_folded_into_a_story():
    story = Story()
    story.take([
        WorkStarted(pid=1, command=["embedtune"]), StageStarted(stage="dataset"), FileSkipped(name="a.bin", reason="no reader"),
        Progress(what="read", done=3, total=30), Progress(what="read", done=30, total=30, ended=True),
        StageEnded(stage="dataset", status="done", record=DATASET), StageStarted(stage="model"),
        Progress(what="train", done=1, total=9, seconds_left=8.0), Progress(what="dev: step 1", done=0, total=5),
        StepTrained(step=1, loss=2.0), StepTrained(step=2, loss=1.0), DevMeasured(step=2, score=0.5, base=0.4),
    ])  # fmt: skip
    assert story.stages == {"dataset": "done", "model": "running"}
    assert story.facts["dataset"] == [
        "30 documents read, 2 not read; 99 passages.",
        "Queries kept: 7 train. Dropped: 5 round trip.",
    ]
    assert [piece.what for piece in story.pieces] == ["train", "dev: step 1"]
    assert (story.losses, story.dev) == ([(1.0, 2.0), (2.0, 1.0)], [(2.0, 0.5)])
    assert [chart.title.split()[0] for chart in story.charts()] == ["Training", "Dev"]
    story.take([StepTrained(step=1, loss=9.0)])  # another method
    assert story.losses == [(1.0, 9.0)]
    story.take([WorkEnded(status="stopped", message="after step 1")])
    assert (story.running, story.ended.status) == ({}, "stopped")
    story.take([WorkStarted(pid=2, command=[])])
    assert story == Story(started=story.started)


def test_a_record_of_another_version_says_less_and_breaks_nothing():
    for stage in ("dataset", "model", "eval", "unknown"):
        assert facts_of(stage, {}) == []
        assert facts_of(stage, {"queries": [], "method": None}) == []


@pytest.mark.parametrize(
    ("error", "state"), [(None, "done"), (DataError("no text"), "failed"), (KeyboardInterrupt(), "stopped")]
)
def test_a_watch_follows_a_file_from_where_it_is(tmp_path, error, state):
    watch = Watch(tmp_path)
    assert (watch.look(), watch.state) == (False, "idle")
    try:
        with record(tmp_path / EVENTS):
            emit(StageStarted(stage="model"))
            watch.look()
            assert watch.state == "killed"  # no process of ours is there, and nothing has said that it ended
            if error:
                raise error
    except (DataError, KeyboardInterrupt):
        pass
    watch.look()
    assert watch.state == state
    assert watch.stages()["model"] == ("train", "broken off")


def test_a_job_that_ended_before_its_first_event_is_told_by_what_it_printed(tmp_path):
    with record(tmp_path / EVENTS):
        emit(StageStarted(stage="model"))
    (tmp_path / ".job.json").write_text(
        json.dumps({"pid": os.getpid() + 1, "what": "run", "command": "x", "created": 4e9})
    )
    (tmp_path / ".job.log").write_text("Error: no such model")
    watch = Watch(tmp_path)
    watch.look()
    assert (watch.state, watch.said) == ("failed", "Error: no such model")


def test_what_events_say_is_escaped(tmp_path):
    with record(tmp_path / EVENTS):
        for text in HOSTILE:
            emit(FileSkipped(name=text, reason=text))
            emit(Progress(what=text, done=1, total=2, note=text))
    watch = Watch(tmp_path)
    watch.look()
    html = fill("watch_state.html", watch=watch, run="x")
    assert "<script" not in html and "<img" not in html and "<svg o" not in html
    assert "&lt;script&gt;" in html
