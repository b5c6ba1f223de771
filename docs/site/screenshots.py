"""Take the pictures of ``docs/images`` from a run of the demo.

    embedtune run quickstart --out runs/python-reference
    python docs/site/screenshots.py runs/python-reference [QUERY JUDGED JUDGED]

It needs playwright and Chromium (``CHROMIUM`` names its binary), and ``embedtune[ui]``. The top of the report, a search and a
passage to judge are taken at the sizes that the pages show. Another corpus needs a query to search and two to judge.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).parents[1] / "images"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
QUERIES = (
    "why is my default argument list shared between calls",
    "what does a bare raise do",
    "when is a finally clause run",
)


def main(run: Path, query: str, *judged: str) -> None:
    """Take all pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = _open(browser, (run / "eval" / "report.html").resolve().as_uri(), 1300, 1888)
        page.screenshot(path=IMAGES / "report.png")
        with tempfile.TemporaryDirectory() as judgements:
            command = [
                sys.executable,
                "-m",
                "embedtune",
                "ui",
                str(run),
                "--judgements",
                f"{judgements}/mine",
                "--quiet",
            ]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 (our own command)
                try:
                    assert server.stdout is not None
                    _take_pages(browser, server.stdout.readline().split()[0], query, judged)
                finally:
                    server.send_signal(signal.SIGINT)


def _take_pages(browser: Browser, address: str, query: str, judged: tuple[str, ...]) -> None:
    page = _open(browser, address, 1280, 820)
    page.get_by_label("query", exact=True).fill(query)
    page.get_by_role("button", name="Search").click()
    page.wait_for_selector("#found article")
    page.wait_for_timeout(500)
    page.screenshot(path=IMAGES / "ui-search.png")
    page = _open(browser, address, 1280, 640)
    page.get_by_role("tab", name="Judge").click()
    page.locator("#new-queries textarea").fill("\n".join(judged))
    page.get_by_role("button", name="Judge these").click()
    page.locator("#task h3").filter(has_text=judged[0]).wait_for()
    while page.locator("#task h3").inner_text() == judged[0]:
        page.wait_for_timeout(600)  # sooner is a double click
        page.get_by_role("button", name="Relevant", exact=True).click()
        page.wait_for_timeout(600)
    page.screenshot(path=IMAGES / "ui-judge.png")


def _open(browser: Browser, address: str, width: int, height: int) -> Page:
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(120_000)
    page.goto(address)
    return page


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(sys.argv[2:] or QUERIES))
