"""Every view in Chromium, over a run whose texts try to run scripts."""

from __future__ import annotations

import re
import shutil

import pytest

from embedtune.formats import beir
from tests.ui.conftest import opened, serving
from tests.ui.hostile_run import HOSTILE

VIEWS = {
    "home": "/", "new": "/new", "watch": "/watch?run=run", "run": "/run?run=run", "search": "/search?run=run",
    "found": "/search?run=run&q=subject3", "browse": "/browse?run=run", "judge": "/judge?run=run", "side": "/side?run=run&run=twin",
    "card": "/card?run=run", "missing": "/run?run=nothing",
}  # fmt: skip
REACHED = "a[href], button:not([disabled]), input:not([type=hidden]), select, textarea, summary, [tabindex='0']"


def settle(page):
    """Wait until the parts of a view that are fetched one by one stand in it."""
    # By a locator: the page's content security policy forbids the eval by which wait_for_function asks again.
    expect = pytest.importorskip("playwright.sync_api").expect
    expect(page.locator("[data-part]").filter(has_text=re.compile(r"…\s*$"))).to_have_count(0, timeout=30_000)


@pytest.fixture(scope="module", autouse=True)
def twin(hostile_run):
    """Put a copy of the run beside it."""
    if not (hostile_run.parent / "twin").exists():
        shutil.copytree(hostile_run, hostile_run.parent / "twin", ignore=shutil.ignore_patterns("judgements"))


@pytest.mark.parametrize("width", [400, 1200])
def test_no_view_has_a_serious_fault_for_those_who_see_or_point_differently_and_none_is_cut_off(browser, served, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    found = {}
    with opened(browser, served, width) as page:
        for name, path in VIEWS.items():
            page.goto(served.base + path)
            settle(page)
            violations = axe.run(page).response["violations"]
            faults = [
                (each["id"], each["nodes"][0]["html"][:200])
                for each in violations
                if each["impact"] in ("serious", "critical")
            ]
            if page.evaluate("document.documentElement.scrollWidth") > width:
                faults.append(("wider than the screen", ""))
            if faults:
                found[name] = faults
    assert found == {}


def test_everything_is_reached_by_keyboard(browser, served):
    left = {}
    with opened(browser, served) as page:
        for name, path in VIEWS.items():
            page.goto(served.base + path)
            settle(page)
            number = page.evaluate(
                "(selector) => { const all = [...document.querySelectorAll(selector)].filter((each) => each.checkVisibility());"
                " all.forEach((each, n) => { each.dataset.number = n; }); return all.length; }",
                REACHED,
            )
            seen = set()
            for _ in range(number + 2):
                page.keyboard.press("Tab")
                seen.add(page.evaluate("document.activeElement.dataset.number"))
            missing = {str(each) for each in range(number)} - seen
            if missing:
                left[name] = [
                    page.locator(f"[data-number='{each}']").evaluate("each => each.outerHTML.slice(0, 150)")
                    for each in missing
                ]
    assert left == {}


def test_a_query_shows_every_system_with_marks_and_texts_as_texts(page, served):
    page.goto(f"{served.base}/run?run=run")
    page.locator(".suggested a").first.click()
    page.get_by_label("query", exact=True).fill("subject3 " + HOSTILE[3])
    page.get_by_label("passages", exact=True).fill("20")
    page.get_by_label("query", exact=True).press("Enter")
    page.wait_for_url(re.compile("k=20"))
    names = page.locator("#found h3").all_inner_texts()
    assert [name.split()[0] for name in names] == ["base", "bm25", "tuned", "hybrid_tuned", "rerank_tuned"]
    shown = page.locator("#found section").nth(0).inner_text()
    for text in HOSTILE[:-1]:
        assert text in shown
    assert HOSTILE[-1].replace("\u202e", "‹U+202E›") in shown
    assert page.locator("#found mark").filter(has_text="subject3").count() >= 4
    marks = page.locator("#found section").nth(2).locator(".move").all_inner_texts()
    assert len(marks) == 20
    assert set("".join(marks)) <= set("↑↓=new0123456789")
    page.locator("#found summary").first.click()
    assert page.locator("#found details .whole").first.is_visible()
    page.get_by_label("query", exact=True).fill("  ")
    page.get_by_role("button", name="Search").click()
    page.get_by_text("query: expected words, found none").wait_for()


def test_gains_and_losses_are_chosen_and_a_click_shows_both_lists(page, served):
    page.goto(f"{served.base}/browse?run=run")
    gains = page.locator("#changes li").all_inner_texts()
    assert gains and all(row.startswith("+") for row in gains)
    page.locator("#changes a").first.click()
    page.wait_for_selector("#view article")
    assert [name.split()[0] for name in page.locator("#view h3").all_inner_texts()] == ["base", "tuned"]
    assert page.locator("#view article.relevant").count() == 2
    page.get_by_label("biggest").select_option("losses")
    page.locator("#changes li").filter(has_text="−").first.wait_for()
    page.get_by_label("slice").select_option("length: 9+ (7)")
    page.get_by_text("7 queries: ").wait_for()
    page.get_by_label("measure").select_option("recall@100")
    page.get_by_text("7 equal; mean +0.0 points.").wait_for()
    assert "No query lost by recall@100 with these systems." in page.locator("#changes").inner_text()


def test_two_judges_judge_by_keys_and_their_agreement_is_told(page, served):
    page.goto(f"{served.base}/judge?run=run&judge=Ada")
    page.locator("#new-queries").fill(f"query,clicks\n{HOSTILE[0]} subject2,3\nmail ada@example.org,1\n")
    page.get_by_role("button", name="Look at them").click()
    rows = page.locator("#listed tbody tr")
    assert rows.count() == 2
    assert "an e-mail address" in rows.nth(1).inner_text()
    assert [box.is_checked() for box in page.locator("#listed input[type=checkbox]").all()] == [True, False]
    page.get_by_role("button", name="Judge these").click()
    for name, keys in (("Ada", "rnsb"), ("Bob", "rr")):
        page.goto(f"{served.base}/judge?run=run&judge={name}")
        number = 1
        for key in keys:
            page.locator("#task").get_by_text(f"passage {number} of").wait_for()
            page.keyboard.press(key)
            number += -1 if key == "b" else 1
        page.locator("#task").get_by_text(f"passage {number} of").wait_for()
    assert "Ada and Bob judged 2 passages both, 50 % alike" in page.locator("main").inner_text()
    folder = served.root / "run" / "judgements"
    assert sorted(path.name for path in (folder / "judges").iterdir()) == ["Ada.tsv", "Bob.tsv"]
    (grades,) = beir.read_qrels(folder / "qrels" / "test.tsv").values()
    assert sorted(grades.values()) == [0, 1]  # what one of two found relevant is not
    assert [query.text for query in beir.read_queries(folder)] == [f"{HOSTILE[0]} subject2"]


def test_a_report_of_somebody_else_runs_nothing(page, served):
    report = served.root / "twin" / "eval" / "report.html"
    report.write_text("<h1>mine</h1><script>window.hacked=1</script><img src=x onerror='parent.hacked=1'>")
    page.goto(f"{served.base}/report?run=twin")
    assert page.locator("h1").inner_text() == "mine"
    assert page.evaluate("window.origin") == "null"


@pytest.mark.slow  # a second and a half of a machine that does nothing else; tests/ui/test_home.py counts processor time
def test_the_first_view_of_two_hundred_runs_takes_a_second_and_a_half(browser, hostile_run, tmp_path):
    heavy = shutil.ignore_patterns(".vectors", "*.trec", "*.safetensors", "judgements")
    for number in range(200):
        shutil.copytree(hostile_run, tmp_path / f"{number}", ignore=heavy)
    with serving(tmp_path) as served, opened(browser, served) as page:  # which opens the first view, from a cold start
        taken = page.evaluate("performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd / 1000")
        assert page.locator("tbody tr").count() == 200
        assert page.locator("tr.broken").count() == 0
    print(f"first view: {taken:.2f} s")
    assert taken <= 1.5
