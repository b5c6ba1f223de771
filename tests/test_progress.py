from __future__ import annotations

import io
import logging
import sys

import pytest

from embedtune import progress
from embedtune.progress import track, track_with_note


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def lines(monkeypatch) -> list[str]:
    """Collect what the project's logger says, whatever other tests made of it."""
    log = logging.getLogger("embedtune")
    found: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    monkeypatch.setattr(log, "handlers", [Collector()])
    monkeypatch.setattr(log, "propagate", False)
    level = log.level
    log.setLevel(logging.INFO)
    yield found
    log.setLevel(level)


def test_a_pipe_gets_a_line_when_it_is_time(lines, monkeypatch):
    monkeypatch.setattr(progress, "_EVERY_S", 0.0)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with track("encode passages", 8) as on_progress:
        on_progress(2)
        on_progress(6)
    assert lines == [
        "encode passages: 2 of 8, about 0 s left",
        "encode passages: 8 of 8, about 0 s left",
    ]


def test_a_pipe_gets_no_line_before_it_is_time(lines, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with track("encode passages", 8) as on_progress:
        on_progress(8)
    assert lines == []


def test_time_left_follows_from_the_pace_so_far(lines, monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    clock = iter([100.0, 130.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with track("train", 40) as on_progress:
        on_progress(10)
    # 10 of 40 took 30 s, so the other 30 take 90 s
    assert lines == ["train: 10 of 40, about 90 s left"]


def test_before_the_first_unit_there_is_no_time_to_tell(lines, monkeypatch):
    monkeypatch.setattr(progress, "_EVERY_S", 0.0)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with track_with_note("write queries", 60) as on_progress:
        on_progress(0, "2 calls failed by timeout")
    assert lines == ["write queries: 0 of 60; 2 calls failed by timeout"]


def test_quiet_shows_nothing(lines, monkeypatch):
    monkeypatch.setattr(progress, "_EVERY_S", 0.0)
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    logging.getLogger("embedtune").setLevel(logging.WARNING)
    with track("train", 2) as on_progress:
        on_progress(2)
    assert (lines, screen.getvalue()) == ([], "")


def test_a_terminal_gets_a_bar(lines, monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    with track("dev: strength [1]", 4) as on_progress:
        on_progress(1)
        on_progress(3)
    assert "dev: strength [1]" in screen.getvalue()
    assert "4/4" in screen.getvalue()
    assert lines == []


def test_work_within_work_shows_two_lines_of_one_display(monkeypatch, capsys):
    """rich allows one live display; training shows dev retrieval inside its own bar."""
    log = logging.getLogger("embedtune")
    monkeypatch.setattr(log, "level", logging.INFO)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with track("train", 2) as outer:
        outer(1)
        with track("dev", 3) as inner:
            inner(3)
        outer(1)
    shown = capsys.readouterr().err
    assert "train" in shown
    assert "dev" in shown
