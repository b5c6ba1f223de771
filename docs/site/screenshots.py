"""Take the pictures of ``docs/images`` from a folder with two runs or more over one corpus.

    python docs/site/screenshots.py FOLDER RUN OTHER WATCHED QUERY JUDGED...

RUN, OTHER and WATCHED are names below FOLDER. It needs playwright and Chromium (``CHROMIUM`` names its binary), and
``embedtune[ui]``. The top of the report, and each view of the page at 400 and 1,200 pixels, are taken at the sizes that the
pages show.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, sync_playwright

IMAGES = Path(__file__).parents[1] / "images"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
HEIGHTS = {400: 800, 1200: 820}


def main(folder: Path, run: str, other: str, watched: str, query: str, *judged: str) -> None:
    """Take all pictures."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as scratch:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = _open(browser, (folder / run / "eval" / "report.html").resolve().as_uri(), 1300, 1888)
        page.screenshot(path=IMAGES / "report.png")
        command = [sys.executable, "-m", "embedtune", "ui", str(folder), "--judgements", f"{scratch}/mine", "--quiet"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 (our own command)
            try:
                assert server.stdout is not None
                _take_views(browser, server.stdout.readline().split()[0], (run, other, watched), query, judged)
            finally:
                server.send_signal(signal.SIGINT)
        shutil.rmtree(f"{scratch}/mine", ignore_errors=True)


def _take_views(
    browser: Browser, address: str, names: tuple[str, str, str], query: str, judged: tuple[str, ...]
) -> None:
    run, other, watched = names
    base, _, token = address.partition("/?token=")
    views = {
        "home": ("/", {}), "new": ("/new", {"generate.source": "documents"}), "watch": ("/watch", {"run": watched}),
        "run": ("/run", {"run": run}), "search": ("/search", {"run": run, "q": query}),
        "browse": ("/browse", {"run": run}), "side": ("/side", {"run": [other, run]}), "judge": ("/judge", {"run": run}),
    }  # fmt: skip
    for width, height in HEIGHTS.items():
        for name, (path, values) in views.items():
            page = _open(browser, f"{base}{path}?{urlencode({**values, 'token': token}, doseq=True)}", width, height)
            if name == "browse":
                page.locator("#changes a").first.click()
                page.locator("#view article").first.wait_for()
                page.evaluate("scrollTo(0, 0)")
            if name == "judge" and page.locator("#task article").count() == 0:
                _ask(page, judged)
            page.screenshot(path=IMAGES / f"ui-{name}-{width}.png")
            page.context.close()


def _ask(page: Page, judged: tuple[str, ...]) -> None:
    page.locator("#new-queries").fill("\n".join(judged))
    page.get_by_role("button", name="Look at them").click()
    page.get_by_role("button", name="Judge these").click()
    page.locator("#task article").wait_for()


def _open(browser: Browser, address: str, width: int, height: int) -> Page:
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(300_000)
    page.goto(address)
    page.wait_for_load_state("networkidle")
    return page


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
