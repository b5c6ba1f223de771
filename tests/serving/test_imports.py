"""What an application loads to serve a finished run."""

from __future__ import annotations

import subprocess
import sys

import pytest

_MODULES = "import sys, {name}; print(*(each for each in sys.modules if each.startswith('embedtune')))"
_FORBIDDEN = {"pipeline", "documents", "reports", "llm", "synthesis", "training"}


@pytest.mark.parametrize("name", ["embedtune.serving", "embedtune.serving.retriever", "embedtune.serving.adapters"])
def test_serving_loads_no_reader_no_report_and_no_training(name):
    command = [sys.executable, "-c", _MODULES.format(name=name)]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "embedtune.serving" in loaded
    assert len(loaded) <= 70
    assert {each.split(".")[1] for each in loaded if "." in each} & _FORBIDDEN == set()
