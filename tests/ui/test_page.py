from __future__ import annotations

import importlib
import sys

import pytest

import embedtune
from embedtune.errors import ConfigError
from embedtune.formats import beir
from embedtune.ui.judging import JudgementFolder
from tests.ui.hostile_run import HOSTILE


def test_a_query_shows_every_system_with_marks_and_texts_as_texts(page):
    page.get_by_label("query", exact=True).fill("subject3 " + HOSTILE[3])
    page.get_by_label("passages", exact=True).fill("20")
    page.get_by_label("query", exact=True).press("Enter")
    page.wait_for_selector("#found article")
    names = page.locator("#found h4").all_inner_texts()
    assert [name.split()[0] for name in names] == ["bm25", "base", "tuned", "hybrid_tuned"]
    shown = page.locator("#found section").nth(1).inner_text()
    for text in HOSTILE:
        assert text in shown
    assert page.locator("#found mark").filter(has_text="subject3").count() >= 4
    marks = page.locator("#found section").nth(2).locator(".move").all_inner_texts()
    assert len(marks) == 20
    assert set("".join(marks)) <= set("↑↓=new0123456789")
    page.locator("#found summary").first.click()
    assert page.locator("#found details .whole").first.is_visible()


def test_no_query_is_a_message_and_a_run_of_another_corpus_is_told(page, run):
    page.get_by_role("button", name="Search").click()
    page.get_by_text("query: expected words, found none").wait_for()
    page.get_by_text("Compare another run").click()
    page.locator("#folder input, #folder textarea").fill(str(run))
    page.get_by_role("button", name="Open").click()
    page.get_by_text("expected the corpus of").wait_for()


def choose(page, label, option):
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()


def test_gains_and_losses_are_chosen_and_a_click_shows_both_lists(page):
    page.get_by_role("tab", name="Browse").click()
    page.locator("#changes label").first.wait_for()
    gains = page.locator("#changes label").all_inner_texts()
    assert all(row.startswith("+") for row in gains)
    page.locator("#changes label").first.click()
    page.wait_for_selector("#view article")
    assert [name.split()[0] for name in page.locator("#view h4").all_inner_texts()] == ["base", "tuned"]
    assert page.locator("#view article.relevant").count() == 2
    assert page.locator("#view h3").inner_text() in {f"subject{n} {text}" for n, text in enumerate(HOSTILE)}
    page.get_by_label("losses").click()
    page.locator("#changes label").filter(has_text="-").first.wait_for()
    losses = page.locator("#changes label").all_inner_texts()
    assert all(row.startswith("-") for row in losses)
    assert page.locator("#view article").count() == 0
    choose(page, "slice", "length: 9+ (7)")
    page.get_by_text("7 queries: ").wait_for()
    choose(page, "measure", "recall@100")
    page.get_by_text("7 equal; mean +0.0 points.").wait_for()
    assert page.locator("#changes label").count() == 0


def say(page, name):
    page.wait_for_timeout(320)  # sooner is a double click
    page.get_by_role("button", name=name, exact=True).click()


def test_clicks_become_a_test_set_that_eval_takes(page, served):
    page.get_by_role("tab", name="Judge").click()
    queries = [f"subject{number} {HOSTILE[number]}" for number in (2, 13)]
    page.locator("#new-queries textarea").fill("\n".join(queries))
    page.get_by_role("button", name="Judge these").click()
    page.locator("#task").get_by_text("passage 1 of").wait_for()
    assert page.locator("#task h3").inner_text() == queries[0]
    total = int(page.locator("#task .note").inner_text().split(":")[0].split()[-1])
    for number, name in enumerate(("Relevant", "Not relevant", "Skip"), start=2):
        say(page, name)
        page.locator("#task").get_by_text(f"passage {number} of {total}").wait_for()
    page.get_by_role("button", name="Back").click()
    page.locator("#task").get_by_text(f"passage 3 of {total}").wait_for()
    for number in range(4, total + 1):
        say(page, "Not relevant")
        page.locator("#task").get_by_text(f"passage {number} of {total}").wait_for()
    say(page, "Relevant")
    page.locator("#task h3").filter(has_text="subject13").wait_for()
    assert "1 query judged" in page.locator("#progress").inner_text()
    (grades,) = beir.read_qrels(served.judgements / "qrels" / "test.tsv").values()
    assert sorted(grades.values()) == [0] * (total - 2) + [1, 1]
    assert [query.text for query in beir.read_queries(served.judgements)] == queries
    page.reload()
    page.get_by_role("tab", name="Judge").click()
    page.locator("#task h3").filter(has_text="subject13").wait_for()

    record = embedtune.evaluate(
        embedtune.EvaluateConfig(queries=[str(served.judgements)], precision="fp32"), served.run
    ).record.only
    assert (record.n_queries, record.judged_unit) == (1, "passage")
    assert record.systems["base"]["recall@100"] == 1.0


def test_a_double_click_judges_one_passage(page, served):
    page.get_by_role("tab", name="Judge").click()
    page.locator("#new-queries textarea").fill("a query of its own")
    page.get_by_role("button", name="Judge these").click()
    page.locator("#task h3").filter(has_text="a query of its own").wait_for()
    page.wait_for_timeout(320)
    page.get_by_role("button", name="Not relevant").dblclick(delay=10)
    page.locator("#task").get_by_text("passage 2 of").wait_for()
    page.wait_for_timeout(320)
    query_id = beir.read_queries(served.judgements)[-1].query_id
    assert len(beir.read_qrels(served.judgements / "qrels" / "test.tsv")[query_id]) == 1
    say(page, "Back")
    page.locator("#task").get_by_text("passage 1 of").wait_for()


def test_fonts_are_the_readers_own_and_nothing_is_open_to_other_programs(runs, tmp_path):
    from embedtune.ui.page import build_page, theme

    page = build_page(runs, JudgementFolder(tmp_path / "mine", runs.first.passages))
    assert theme()._stylesheets == []
    assert page.analytics_enabled is False
    assert page.title == "embedtune · run"
    events = page.config["dependencies"]
    assert len(events) >= 10
    assert {event["api_visibility"] for event in events} == {"private"}
    assert len({fn.concurrency_id for fn in page.fns.values()}) == 1


def test_without_gradio_the_extra_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "embedtune.ui.page", raising=False)
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(ConfigError, match=r"expected the packages of embedtune\[ui\]") as caught:
        importlib.import_module("embedtune.ui.page")
    assert caught.value.hint == 'pip install "embedtune[ui]"'
