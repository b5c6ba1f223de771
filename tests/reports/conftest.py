"""A browser for the pages, and nothing between them and it."""

import shutil

import pytest

_QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


@pytest.fixture(scope="session")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with playwright.sync_playwright() as started:
        try:
            opened = started.chromium.launch(executable_path=chromium, args=_QUIET)
        except playwright.Error:
            pytest.skip("no chromium: playwright install chromium")
        yield opened
        opened.close()
