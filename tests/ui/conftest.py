"""Runs, and the page that a subprocess serves over them to a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedtune.ui.run_comparison import RunComparison
from tests.ui.hostile_run import make_hostile_run

CHROMIUM = "/usr/bin/chromium"
_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip


class Served:
    """A page that is being served."""

    def __init__(self, process: subprocess.Popen[str], address: str, run: Path, judgements: Path) -> None:
        self.process = process
        self.address = address
        self.run = run
        self.judgements = judgements


def start(*arguments: object) -> tuple[subprocess.Popen[str], str]:
    """Run ``embedtune ui`` and wait for its address."""
    command = [sys.executable, "-m", "embedtune", "ui", *map(str, arguments)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    line = process.stdout.readline()
    assert line.startswith("http://127.0.0.1:"), process.communicate()[1]
    return process, line.split()[0]


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
def served(hostile_run, tmp_path_factory) -> Iterator[Served]:
    judgements = tmp_path_factory.mktemp("judged") / "mine"
    process, address = start(hostile_run, "--judgements", judgements, "-q")
    yield Served(process, address, hostile_run, judgements)
    process.kill()
    process.communicate()


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
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(30_000)
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
    assert len(asked) > 10
    assert [url for url in asked if not url.startswith((served.address, "data:", "blob:"))] == []
