from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from embedtune.errors import InUseError
from embedtune.project.lock import OWNER
from embedtune.ui.jobs import cancel_job, find_job, last_job, log_tail, start_job


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_job_is_found_again_refused_a_second_time_and_stops_when_asked(tmp_path):
    job = start_job(tmp_path, ["serve", "--help"], cwd=tmp_path)
    assert (job.what, job.command) == ("serve", "embedtune serve --help")
    assert os.getsid(job.pid) == job.pid != os.getsid(0)  # a session of its own, which no terminal ends
    assert find_job(tmp_path) == last_job(tmp_path) == job
    with pytest.raises(InUseError, match="nobody works in"):
        start_job(tmp_path, ["doctor"], cwd=tmp_path)
    assert cancel_job(tmp_path) == job
    wait_until(lambda: find_job(tmp_path) is None)
    assert last_job(tmp_path) == job
    assert cancel_job(tmp_path) is None


def test_what_it_printed_is_kept(tmp_path):
    start_job(tmp_path, ["train", "missing"], cwd=tmp_path)
    wait_until(lambda: find_job(tmp_path) is None)
    assert "'missing' does not exist" in log_tail(tmp_path)


def test_a_process_that_is_no_work_of_ours_is_never_taken_for_a_job(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        import psutil

        created = psutil.Process(stranger.pid).create_time()
        claim = {"pid": stranger.pid, "what": "run", "command": "embedtune run", "created": created}
        (tmp_path / ".job.json").write_text(json.dumps(claim))
        owner = {
            "pid": stranger.pid,
            "host": socket.gethostname(),
            "command": "embedtune train x",
            "since": "2037-01-01T00:00:00Z",
        }
        (tmp_path / OWNER).write_text(json.dumps(owner))
        assert find_job(tmp_path) is None
        assert cancel_job(tmp_path) is None
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize(
    "content",
    ["{", "[]", '{"pid": "x"}', '{"pid": 1}', '{"pid": 99999999999999, "what": "", "command": "", "created": 0}'],
)
def test_a_file_of_nonsense_is_no_job(tmp_path, content):
    (tmp_path / ".job.json").write_text(content)
    (tmp_path / OWNER).write_text(content)
    assert find_job(tmp_path) is None
    assert log_tail(tmp_path) == ""
