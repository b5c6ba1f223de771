from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from embedtune.errors import ConfigError
from embedtune.ui.server import serve
from tests.ui.conftest import start


def test_a_taken_port_is_refused(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(ConfigError, match="expected a free port"):
            serve([tmp_path], port=taken.getsockname()[1], announce=lambda _: None)


def test_one_line_has_the_address_and_ctrl_c_ends_it(tmp_path):
    process, address = start(tmp_path)
    assert "No run yet" in urllib.request.urlopen(address).read().decode()
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=20)
    assert (process.returncode, said) == (130, "")
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


def test_without_starlette_the_extra_is_named(tmp_path):
    code = "import sys; sys.modules['starlette'] = None\nfrom pathlib import Path\nfrom embedtune.ui.server import serve\nserve([Path()], announce=print)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "expected the packages of embedtune[ui]" in done.stderr
