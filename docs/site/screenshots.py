"""Take the pictures of ``docs/images`` from a run of the demo.

    embedtune run quickstart --out runs/python-reference
    python docs/site/screenshots.py runs/python-reference

It needs playwright and Chromium (``CHROMIUM`` names its binary), and ``embedtune[ui]``. The top of the report, a search and a
passage to judge are taken at the sizes that the pages show.
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
QUERY = "why is my default argument list shared between calls"
TO_JUDGE = ("what does a bare raise do", "when is a finally clause run")


def main(run: Path) -> None:
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
                    _take_pages(browser, server.stdout.readline().split()[0])
                finally:
                    server.send_signal(signal.SIGINT)


def _take_pages(browser: Browser, address: str) -> None:
    page = _open(browser, address, 1280, 820)
    page.get_by_label("query", exact=True).fill(QUERY)
    page.get_by_role("button", name="Search").click()
    page.wait_for_selector("#found article")
    page.wait_for_timeout(500)
    page.screenshot(path=IMAGES / "ui-search.png")
    page = _open(browser, address, 1280, 640)
    page.get_by_role("tab", name="Judge").click()
    page.locator("#new-queries textarea").fill("\n".join(TO_JUDGE))
    page.get_by_role("button", name="Judge these").click()
    page.locator("#task h3").filter(has_text=TO_JUDGE[0]).wait_for()
    while page.locator("#task h3").inner_text() == TO_JUDGE[0]:
        page.wait_for_timeout(600)  # sooner is a double click
        page.get_by_role("button", name="Relevant", exact=True).click()
        page.wait_for_timeout(600)
    page.screenshot(path=IMAGES / "ui-judge.png")


def _open(browser: Browser, address: str, width: int, height: int) -> Page:
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(address)
    return page


if __name__ == "__main__":
    main(Path(sys.argv[1]))
