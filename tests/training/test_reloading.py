"""The process that loads saved models: it lives on, and is gone when nobody needs it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import numpy as np
import psutil
import pytest

from embedtune.errors import IntegrityError, ResourceError
from embedtune.training.reloading import Reloader

_JOB = {"base": None, "scheme": "none", "trust_remote_code": False, "queries": ["frost"], "documents": ["a cold night"]}
_STARTS = """\
import sys
from pathlib import Path
from embedtune.training.reloading import Reloader
reloader = Reloader()
print(reloader.start().pid, flush=True)
"""


@pytest.fixture(scope="module")
def saved(tiny_base, tmp_path_factory):
    """Return a folder with ``merged/``, as a model stage has it."""
    folder = tmp_path_factory.mktemp("saved")
    (folder / "merged").symlink_to(tiny_base)
    return folder


@pytest.fixture(scope="module")
def reloader():
    reloader = Reloader()
    yield reloader
    reloader.stop()


def test_one_process_loads_one_model_after_the_other(reloader, saved):
    first = reloader.ask(saved, _JOB)["merged"]
    process = reloader.start()
    second = reloader.ask(saved, {**_JOB, "queries": ["dew"]})["merged"]
    assert reloader.start() is process
    assert np.array_equal(first[1], second[1]) and not np.array_equal(first[0], second[0])


@pytest.fixture
def interruptible():
    """Let SIGINT interrupt, which a shell's background jobs ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_what_went_wrong_is_told_and_the_next_model_is_loaded(reloader, saved, tmp_path):
    with pytest.raises(IntegrityError, match=r"found exit code 1:\n(.|\n)*Error") as raised:
        reloader.ask(tmp_path, _JOB)
    assert len(str(raised.value)) < 2200
    threading.Timer(0.5, lambda: reloader.start().kill()).start()
    with pytest.raises(ResourceError, match="found that process killed"):
        reloader.ask(saved, _JOB)
    reloader.start().send_signal(signal.SIGSTOP)  # as slow as can be
    threading.Timer(0.5, signal.pthread_kill, [threading.main_thread().ident, signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        reloader.ask(saved, _JOB)
    assert reloader.start().poll() is None


@pytest.mark.parametrize("end", ["returns", "raises", "is killed", "is killed while it waits"])
def test_it_ends_with_the_process_that_started_it(end, saved, tmp_path):
    """The script has no ``__main__`` guard."""
    script = tmp_path / "script.py"
    more = {"returns": "", "raises": "raise KeyboardInterrupt", "is killed": "sys.stdin.read()"}
    script.write_text(_STARTS + more.get(end, f"reloader.ask(Path({str(saved)!r}), {_JOB})"))
    with subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        child = int(parent.stdout.readline())
        if end in more and end != "is killed":
            parent.wait()
        time.sleep(0.5)  # the import of sentence-transformers takes seconds
        parent.kill()
    with suppress(psutil.NoSuchProcess):
        psutil.Process(child).wait(timeout=60)
    assert not psutil.pid_exists(child)


def test_it_ends_when_nothing_comes():
    code = "import embedtune.training.reloading as r; r._serve(0.1)"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.read() == b"" and process.wait() == 0
