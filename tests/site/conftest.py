"""The site as `make docs` builds it, and the modules that make its pages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HOOKS = ROOT / "docs" / "site" / "hooks"
sys.path.insert(0, str(HOOKS))  # as mkdocs does for a hook that imports another


def run_mkdocs(root, site):
    """Build the site of a copy of the repository, and return the finished process.

    Never with --quiet: mkdocs does not count warnings that it does not print, and --strict would let them pass.
    """
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "-f",
        root / "docs/site/mkdocs.yml",
        "-d",
        site,
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Return the folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    built = run_mkdocs(ROOT, folder)
    assert built.returncode == 0, built.stderr
    return folder
