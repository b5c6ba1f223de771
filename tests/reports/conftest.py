"""A browser for the pages, and nothing between them and it."""

import shutil
from pathlib import Path

import pytest

_QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


@pytest.fixture(scope="module")
def browser():
    """Return Chromium, for one module: while it is open an event loop runs in this thread, which other tests cannot bear."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with playwright.sync_playwright() as started:
        if not chromium and not Path(started.chromium.executable_path).exists():
            pytest.skip("chromium is not installed: playwright install chromium")
        opened = started.chromium.launch(executable_path=chromium, args=_QUIET)
        yield opened
        opened.close()
