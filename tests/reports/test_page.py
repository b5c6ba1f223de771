"""The page, looked at as text and in a real browser."""

import re
from itertools import pairwise

import pytest

from embedtune.reports.data import ReportData
from embedtune.reports.rendering import visible
from embedtune.reports.writing import as_html, overview_as_html
from tests.reports.hostile import TEXTS
from tests.reports.sample import hostile_data, overview, report_data, sample

PHONE = {"width": 400, "height": 800}


class Visit:
    """A page that was opened, with what it tried to do."""

    def __init__(self, browser, path, html, **options):
        path.write_text(html, encoding="utf-8")
        self.page = browser.new_page(viewport=PHONE, **options)
        self.dialogs, self.requests, self.complaints = [], [], []
        self.page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.refused = []
        self.page.on("requestfailed", lambda request: self.refused.append(request.failure))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(path.as_uri())
        self.address = path.as_uri()

    def ask(self, expression):
        return self.page.evaluate(expression)


@pytest.fixture(scope="module")
def hostile(browser, tmp_path_factory):
    """The page of an evaluation in which every word from outside is hostile; all of them stand on it."""
    html = as_html(ReportData.model_validate(hostile_data(TEXTS, n_examples=10)))
    visit = Visit(browser, tmp_path_factory.mktemp("hostile") / "report.html", html)
    yield visit
    visit.page.close()


def test_no_hostile_text_runs_a_script_or_asks_for_anything(hostile):
    hostile.page.mouse.move(200, 200)
    hostile.page.keyboard.press("Tab")
    hostile.page.wait_for_timeout(200)
    assert hostile.ask("window.hit") is None
    assert hostile.dialogs == []
    assert hostile.requests == [hostile.address]
    assert hostile.complaints == []
    assert hostile.page.url == hostile.address


def test_no_hostile_text_becomes_an_element_or_an_attribute(hostile):
    wanted = "script, iframe, object, embed, img, video, audio, link, base, form, input, button, math, foreignObject, image, use, template"
    assert hostile.ask(f"document.querySelectorAll('{wanted}').length") == 0
    assert hostile.ask("document.querySelectorAll('style').length") == 1
    attributes = hostile.ask("[...new Set([...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames()))]")
    assert [
        name for name in attributes if name.startswith("on") or name in ("style", "src", "srcdoc", "xlink:href")
    ] == []
    links = hostile.ask("[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))")
    assert links and all(re.fullmatch(r"#[a-z]+", link) for link in links)


def test_every_hostile_text_can_be_read(hostile):
    told = hostile.ask("document.documentElement.textContent")
    flat = " ".join(told.split())
    short = [text for text in TEXTS if len(text) < 60]
    assert len(short) > 70
    missing = [text for text in short if " ".join(visible(text).split()) not in flat]
    assert missing == []
    assert "49" not in re.findall(r"\{\{ 7 \* 7 \}\}|\b49\b", told)
    assert re.search("[\x00-\x08\u202a-\u202e\u2066-\u2069\u200b\ufeff]", told) is None


def test_no_hostile_text_pushes_the_page_out_of_shape(hostile):
    assert hostile.ask("document.documentElement.scrollWidth") == PHONE["width"]
    outside = hostile.ask(
        "[...document.querySelectorAll('body *')].filter(e => !e.closest('.scroll') && !e.closest('svg') && "
        "getComputedStyle(e).position !== 'fixed' && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"
    )
    assert outside == []
    tallest = hostile.ask("Math.max(...[...document.querySelectorAll('.passage, tr, li')].map(e => e.offsetHeight))")
    assert tallest < 8 * PHONE["height"]


def test_the_policy_stops_what_would_be_put_in_later(hostile):
    hostile.ask(
        """() => {
          const script = document.createElement('script'); script.textContent = 'window.late = 1'; document.body.append(script);
          const style = document.createElement('style'); style.textContent = 'body { color: rgb(1, 2, 3) }'; document.head.append(style);
          const image = document.createElement('img'); image.src = 'https://attacker.invalid/a.png'; document.body.append(image);
        }"""
    )
    hostile.page.wait_for_timeout(100)
    assert hostile.ask("window.late") is None
    assert hostile.ask("getComputedStyle(document.body).color") != "rgb(1, 2, 3)"
    assert hostile.refused == ["csp"]  # the image was not asked for


def test_it_follows_light_and_dark_with_enough_contrast(browser, tmp_path):
    papers = set()
    for scheme in ("light", "dark"):
        visit = Visit(browser, tmp_path / "report.html", as_html(sample()), color_scheme=scheme)
        assert visit.complaints == []  # the style sheet fits the hash of the policy
        papers.add(visit.ask("getComputedStyle(document.body).backgroundColor"))
        strokes = visit.ask("[...document.querySelectorAll('svg path.line')].map(e => getComputedStyle(e).stroke)")
        assert len(set(strokes)) > 4 and "none" not in strokes
        assert _low_contrast(visit) == []
        visit.page.close()
    assert papers == {"rgb(255, 255, 255)", "rgb(20, 23, 27)"}


def _low_contrast(visit):
    """Return the texts whose colour is nearer to what lies behind them than 4.5 to 1 (WCAG 2.2, 1.4.3)."""
    return visit.ask(
        """() => {
          const parse = c => c.match(/[\\d.]+/g).map(Number);
          const light = c => { const [r, g, b] = parse(c).slice(0, 3).map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
            return .2126 * r + .7152 * g + .0722 * b; };
          const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor;
            if (parse(c)[3] !== 0) return c; } };
          return [...document.querySelectorAll('h1, h2, h3, h4, h5, p, li span, dt, dd, small, th, td, caption, a, mark, .badge, summary')]
            .filter(e => e.textContent.trim()).filter(e => { const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
              return (a + .05) / (b + .05) < 4.5; }).map(e => e.outerHTML.slice(0, 80));
        }"""
    )


def test_it_can_be_heard(browser, tmp_path):
    visit = Visit(browser, tmp_path / "report.html", as_html(sample()))
    levels = visit.ask("[...document.querySelectorAll('h1, h2, h3, h4, h5')].map(h => +h.tagName[1])")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert visit.ask("[...document.querySelectorAll('svg')].filter(s => !s.ariaLabel && !s.ariaHidden).length") == 0
    assert visit.ask("[...document.querySelectorAll('th')].filter(t => !t.scope).length") == 0
    assert visit.ask("document.documentElement.lang") == "en"
    visit.page.close()


def test_on_paper_everything_is_open(browser, tmp_path):
    visit = Visit(browser, tmp_path / "report.html", as_html(sample()))
    heights = "[...document.querySelectorAll('details')].map(each => each.offsetHeight)"
    assert max(visit.ask(heights)) < 30
    visit.page.emulate_media(media="print")
    assert len(visit.ask(heights)) == 4 and min(visit.ask(heights)) > 40
    visit.page.close()


def test_the_verdict_comes_first_and_every_part_is_there():
    html = as_html(sample())
    titles = re.findall(r'<section[^>]* id="(\w+)"', html)
    assert titles == [
        "verdict", "systems", "differences", "depth", "scores", "training", "slices", "audits", "examples", "origin",
    ]  # fmt: skip
    assert re.findall(r'href="#(\w+)"', html) == titles
    for words in (
        "Inconclusive",
        "2026-11-24T07:17:13Z",
        "gpt-4o-mini",
        "0.042",
        "Seen before.",
        "<mark>refund</mark>",
    ):
        assert words in html


def test_parts_without_figures_are_left_out():
    data = report_data()
    data["training"] = {"shipped": "base", "candidates": [], "losses": [], "n_losses": 0}
    data["examples"] = None
    data["scores"] = {"edges": [0, 1], "systems": {}}
    data["llm"] = None
    data["metrics"]["slices"] = []
    del data["metrics"]["forgetting"]
    html = as_html(ReportData.model_validate(data))
    titles = re.findall(r'<section[^>]* id="(\w+)"', html)
    assert titles == ["verdict", "systems", "differences", "depth", "audits", "origin"]
    assert re.findall(r'href="#(\w+)"', html) == titles
    assert "No language model was asked" in html


def test_the_overview_leads_to_the_reports_of_the_sets():
    metrics = sample().metrics
    html = overview_as_html(overview(), {"a": metrics, 'b"ü': metrics})
    assert re.findall(r'href="([^"]+)"', html) == ["a/report.html", "b%22%C3%BC/report.html"]
    assert html.count("Inconclusive") == 2
