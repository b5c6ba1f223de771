"""Runs, and the page that a subprocess serves over them to a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from embedtune.ui.run_comparison import RunComparison
from tests.ui.hostile_run import make_hostile_run

CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip


class Served:
    """A page that is being served: ``address`` has the token, ``base`` has not."""

    def __init__(self, process: subprocess.Popen[str], address: str, root: Path) -> None:
        self.process = process
        self.address = address
        self.base, _, self.token = address.partition("/?token=")
        self.root = root


def start(*arguments: object) -> tuple[subprocess.Popen[str], str]:
    """Run ``embedtune ui`` and wait for its address."""
    command = [sys.executable, "-m", "embedtune", "ui", *map(str, arguments)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    line = process.stdout.readline()
    assert line.startswith("http://127.0.0.1:"), process.communicate()[1]
    return process, line.split()[0]


@contextmanager
def serving(root: Path, *arguments: object) -> Iterator[Served]:
    """Serve a folder."""
    process, address = start(root, "-q", *arguments)
    try:
        yield Served(process, address, root)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def run(served_run) -> Path:
    return served_run("linear", evaluated=True)


@pytest.fixture(scope="session")
def runs(run) -> RunComparison:
    return RunComparison([run])


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    make_hostile_run(folder / "run", folder)
    return folder / "run"


@pytest.fixture(scope="session")
def served(hostile_run) -> Iterator[Served]:
    """Return a page over the folder that has the hostile run in ``run``."""
    with serving(hostile_run.parent) as found:
        yield found


@pytest.fixture(scope="module")
def browser():
    """Return Chromium, for one module: while it is open an event loop runs in this thread, which other tests cannot bear."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no {CHROMIUM}")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, served):
    """Return an open page; afterwards no script of a text has run, nothing went wrong, and no other machine was asked."""
    with opened(browser, served) as page:
        yield page


@contextmanager
def opened(browser, served, width: int = 1200) -> Iterator[Any]:
    """Open the page of a server in a browser of its own."""
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    page.set_default_timeout(170_000)  # of the first search on a busy machine, which loads the models
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(served.address)
    yield page
    page.mouse.move(640, 450)
    hacked = page.evaluate("window.hacked")
    context.close()
    assert hacked is None
    assert errors == []
    assert len(asked) > 3
    assert [url for url in asked if not url.startswith((served.base, "data:", "blob:"))] == []
