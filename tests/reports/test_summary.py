import re

from markdown_it import MarkdownIt

from embedtune.reports.data import ReportData
from embedtune.reports.writing import as_markdown, overview_as_markdown
from tests.reports.hostile import TEXTS
from tests.reports.sample import SYSTEMS, hostile_data, overview, report_data, sample


def test_it_tells_what_the_page_tells_without_passages():
    text = as_markdown(sample())
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert html.count("<table>") == 7
    for name in SYSTEMS:
        assert f"<td>{name}</td>" in html
    for words in (
        "Inconclusive",
        "tuned − base",
        "Seen before.",
        "how do I get a refund",
        "torch 2.13.0",
        "gpt-4o-mini",
    ):
        assert words in html
    assert "takes days" not in text


def test_no_hostile_text_becomes_markup():
    html = (
        MarkdownIt("commonmark", {"html": True})
        .enable("table")
        .render(as_markdown(ReportData.model_validate(hostile_data(TEXTS, n_examples=10))))
    )
    calm = (
        MarkdownIt("commonmark", {"html": True})
        .enable("table")
        .render(as_markdown(ReportData.model_validate(report_data(n_examples=10))))
    )
    assert set(re.findall(r"<(\w+)", html)) == set(re.findall(r"<(\w+)", calm))
    assert html.count("<td>") == calm.count("<td>") and html.count("<h2>") == calm.count("<h2>")


def test_the_overview_has_a_column_for_each_set():
    text = overview_as_markdown(overview(), {"a": sample().metrics, "b": sample().metrics})
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert html.count("<th>") == 3 and html.count("<td>") == 3 * 9
