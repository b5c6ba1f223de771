"""The examples of docstrings are run, and every public function that needs no files has one."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import embedtune

ROOT = Path(__file__).parents[2]
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for path in sorted((ROOT / "embedtune").rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]
# Work on run folders or train: the pages, the notebook and the tutorial show them.
WITH_FILES = {"advise", "evaluate", "generate", "run", "train", "tune", "Embedder", "Retriever"}


@pytest.mark.parametrize("module", MODULES)
def test_examples_are_true(module):
    result = doctest.testmod(import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted and not result.failed


def test_every_public_function_that_needs_no_files_has_an_example():
    functions = {name for name in embedtune.__all__ if name.islower() and not name.startswith("__")} | {"Dataset"}
    assert {name for name in functions - WITH_FILES if ">>> " not in getattr(embedtune, name).__doc__} == set()
