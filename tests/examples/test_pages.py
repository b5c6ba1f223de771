"""The code of the pages runs as it stands there, from the first block of a page to the last."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted((DOCS / "integrations").glob("*.md"))
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks(page):
    return _BLOCK.findall(page.read_text(encoding="utf-8"))


def test_there_is_a_page_for_each():
    names = {page.stem for page in PAGES}
    assert {"llama-index", "langchain", "haystack", "vector-stores", "several-domains"} <= names


@pytest.mark.parametrize("name", ["llama-index", "langchain", "haystack", "vector-stores", "several-domains"])
def test_the_code_of_a_page_runs(name, served_run, capsys):
    runs = {
        "runs/mine": served_run("query-lora", prompts=True, evaluated=True),
        "runs/law": served_run("lora"),
        "runs/health": served_run("query-lora"),
    }
    found = blocks(DOCS / "integrations" / f"{name}.md")
    code = "\n".join(found)
    for shown, real in runs.items():
        code = code.replace(f'"{shown}"', repr(str(real)))
    assert len(found) >= 1
    exec(compile(code, f"{name}.md", "exec"), {"__name__": name})
    assert capsys.readouterr().out


def test_the_losses_train_in_a_plain_trainer(base_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = "\n".join(blocks(DOCS / "training-from-python.md"))
    code = code.replace('"sentence-transformers/all-MiniLM-L6-v2"', repr(str(base_folder)))
    exec(compile(code, "training-from-python.md", "exec"), {"__name__": "training_from_python"})
    assert "train_loss" in capsys.readouterr().out


def test_a_class_that_a_page_shows_is_that_of_the_example():
    example = (DOCS / "examples" / "vector_stores.py").read_text(encoding="utf-8")
    shown = [block.partition("class FaissStore")[2] for block in blocks(DOCS / "integrations" / "vector-stores.md")]
    (body,) = filter(None, shown)
    assert body.strip() in example


@pytest.mark.parametrize("page", [*PAGES, DOCS / "training-from-python.md"], ids=lambda page: page.stem)
def test_links_of_a_page_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
