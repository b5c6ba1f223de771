"""The site builds without a warning, loads nothing from elsewhere, and fits a phone."""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import click
import pytest

from embedtune import cli
from tests.site.conftest import ROOT, run_mkdocs

_LOADED = re.compile(r"<(?:script|img|iframe|source)[^>]*\ssrc=[\"']?([^\"'\s>]+)|<link[^>]*\shref=[\"']?([^\"'\s>]+)")
_QUIET = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
_LOOKED_AT = ("index.html", "tutorial.html", "commands/generate.html", "pipelines/index.html", "verdict.html")


def test_every_page_and_every_command_is_there(site):
    pages = {page.relative_to(site).as_posix() for page in site.rglob("*.html")}
    assert {"index.html", "tutorial.html", "contributing.html", "benchmarks/index.html", "commands/index.html"} <= pages
    assert {f"{path.stem}.html" for path in (ROOT / "docs").glob("*.md")} <= pages
    names = cli.group.list_commands(click.Context(cli.group))
    assert {f"commands/{name}.html" for name in names} <= pages


def test_pages_load_nothing_from_elsewhere(site):
    found = {
        address
        for page in site.rglob("*.html")
        for pair in _LOADED.findall(page.read_text(encoding="utf-8"))
        for address in pair
    }
    assert "assets/site.css" in found
    assert [address for address in found if re.match(r"(https?:)?//", address)] == []
    sheets = [sheet.read_text(encoding="utf-8") for sheet in site.rglob("*.css")]
    assert len(sheets) >= 2
    assert [
        place for sheet in sheets for place in re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//\S+", sheet)
    ] == []


def test_a_link_that_leads_nowhere_stops_the_build(tmp_path):
    copy = tmp_path / "copy"
    for name in ("docs", "benchmarks", "data", "pipelines"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("cache", "*.json"))
    for path in ROOT.glob("*.md"):
        shutil.copy(path, copy)
    with (copy / "docs" / "glossary.md").open("a", encoding="utf-8") as page:
        page.write("\n[gone](gone.md) [no heading](verdict.md#no-such-heading)\n")
    built = run_mkdocs(copy, tmp_path / "built")
    assert built.returncode == 1
    assert "gone.md" in built.stderr and "no-such-heading" in built.stderr


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_pages_fit_a_phone_and_ask_nobody_else(site, colours):
    # In a thread of its own, because Playwright runs once in a thread, and another test may have started it here.
    with ThreadPoolExecutor(1) as thread:
        widths, requests, backgrounds = thread.submit(_look, site, colours).result()
    assert widths == dict.fromkeys(_LOOKED_AT, 400)
    assert len(requests) > 10
    assert [request for request in requests if not request.startswith("http://127.0.0.1:")] == []
    assert all((sum(background) < 300) == (colours == "dark") for background in backgrounds)


def _look(site, colours):
    """Open pages in a window of 400 px; return their widths, all requests, and the colours behind the text."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not chromium:
        pytest.skip("chromium is not installed")
    handler = partial(_Handler, directory=str(site))
    widths, requests, backgrounds = {}, [], []
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, playwright.sync_playwright() as started:
        Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        browser = started.chromium.launch(executable_path=chromium, args=_QUIET)
        page = browser.new_page(viewport={"width": 400, "height": 800}, color_scheme=colours)
        page.on("request", lambda request: requests.append(request.url))
        for name in _LOOKED_AT:
            page.goto(f"http://127.0.0.1:{server.server_port}/{name}")
            widths[name] = page.evaluate("document.documentElement.scrollWidth")
            shown = page.evaluate("getComputedStyle(document.body).backgroundColor")
            backgrounds.append([int(part) for part in re.findall(r"\d+", shown)[:3]])
        browser.close()
        server.shutdown()
    return widths, requests, backgrounds


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass
