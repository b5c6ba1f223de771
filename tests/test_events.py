from __future__ import annotations

import logging
import os

import pytest

from embedtune.errors import DataError, StoppedError
from embedtune.events import FileSkipped, Progress, Said, StepTrained, WorkEnded, WorkStarted, emit, listen, read_events
from embedtune.events import record as recorded
from embedtune.progress import track


def test_a_callback_hears_how_far_work_is_and_that_it_ended():
    heard = []
    with listen(heard.append), track("train", 4) as on_progress:
        on_progress(3)
        on_progress(1)
    assert [(each.what, each.done, each.total) for each in heard] == [("train", 0, 4), ("train", 4, 4)]
    assert [each.ended for each in heard] == [False, True]
    emit(StepTrained(step=1, loss=0.5))
    assert len(heard) == 2  # nobody listens any more


def test_a_file_holds_the_events_between_start_and_end_and_is_read_while_it_grows(tmp_path):
    path = tmp_path / "events.jsonl"
    with recorded(path):
        assert not path.exists()  # before there is anything to tell
        emit(FileSkipped(name="a.bin", reason="no reader"))
        started, offset = read_events(path)
        assert [type(each) for each in started] == [WorkStarted, FileSkipped]
        assert started[0].pid == os.getpid()
        logging.getLogger("embedtune").warning("key=abcdefgh12345678 %s", "shown")
        emit(StepTrained(step=2, loss=0.25))
    rest, end = read_events(path, offset)
    assert [type(each) for each in rest] == [Said, StepTrained, WorkEnded]
    assert "abcdefgh" not in rest[0].text
    assert rest[-1].status == "done"
    assert read_events(path, end) == ([], end)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (DataError("x: expected y", hint="do z"), "failed"),
        (StoppedError("stopped after step 3", 15), "stopped"),
        (KeyboardInterrupt(), "stopped"),
    ],
)
def test_the_end_says_why(tmp_path, error, status):
    path = tmp_path / "events.jsonl"
    with pytest.raises(type(error)), recorded(path):
        emit(StepTrained(step=1, loss=1.0))
        raise error
    last = read_events(path)[0][-1]
    assert (last.status, last.hint) == (status, getattr(error, "hint", None))


def test_a_line_that_is_no_event_is_left_out_and_a_file_begun_anew_is_read_from_its_start(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"event": "unknown"}\n[\n{"event": "said", "level": "info", "text": "x"}\n{"event": "sai')
    events, offset = read_events(path)
    assert [each.text for each in events] == ["x"]
    path.write_text('{"event": "said", "level": "info", "text": "y"}\n')
    assert [each.text for each in read_events(path, offset)[0]] == ["y"]
    assert read_events(tmp_path / "missing") == ([], 0)


def test_a_disk_that_refuses_never_stops_the_work(tmp_path):
    with recorded(tmp_path / "no" / "such" / "folder"):
        emit(StepTrained(step=1, loss=1.0))
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with recorded(tmp_path / "link"):
        emit(StepTrained(step=1, loss=1.0))
    assert not (tmp_path / "elsewhere").exists()


def test_stderr_takes_them_too(capfd):
    with recorded(None):
        emit(Progress(what="read", done=1, total=2))
    assert [line[:9] for line in capfd.readouterr().err.splitlines()] == ['{"time":1'] * 3
