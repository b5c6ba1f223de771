"""Links of the repository lead to pages of the site."""

from types import SimpleNamespace

import pytest
from repository_pages import on_page_markdown, page_of


def led(uri, markdown):
    return on_page_markdown(markdown, SimpleNamespace(file=SimpleNamespace(src_uri=uri)), None, None)


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("README.md", "index.md"),
        ("docs/llm.md", "llm.md"),
        ("docs/images/report.png", "images/report.png"),
        ("docs/examples/vector_stores.py", "examples/vector_stores.md"),
        ("benchmarks/README.md", "benchmarks/README.md"),
        ("embedtune/config/settings.py", None),
    ],
)
def test_which_page_shows_a_file(path, page):
    assert page_of(path) == page


@pytest.mark.parametrize(
    ("uri", "link", "leads"),
    [
        ("index.md", "docs/recipe.md#tuning-queries-alone", "recipe.md#tuning-queries-alone"),
        ("formats.md", "../benchmarks/README.md#large-corpora", "benchmarks/README.md#large-corpora"),
        ("integrations/haystack.md", "../examples/haystack_pipeline.py", "../examples/haystack_pipeline.md"),
        ("benchmarks/README.md", "../docs/verdict.md", "../verdict.md"),
        ("errors.md", "#data-3", "#data-3"),
        ("errors.md", "../Makefile", "https://github.com/embedtune/embedtune/blob/main/Makefile"),
        ("errors.md", "../tests/faults", "https://github.com/embedtune/embedtune/tree/main/tests/faults"),
        ("changelog.md", "docs/integrations", "https://github.com/embedtune/embedtune/tree/main/docs/integrations"),
        ("errors.md", "gone.md", "gone.md"),
        ("errors.md", "https://example.org/x.md", "https://example.org/x.md"),
    ],
)
def test_where_a_link_leads(uri, link, leads):
    assert led(uri, f"see [it]({link}).") == f"see [it]({leads})."


def test_code_stays_as_it_is():
    text = "```\n[a](../README.md)\n```\n"
    assert led("errors.md", text) == text
