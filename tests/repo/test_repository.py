"""Rules of the repository that no linter knows."""

import re
from pathlib import Path

import pytest

import embedtune

ROOT = Path(__file__).parents[2]


def test_public_names_are_sorted_and_all_there():
    assert embedtune.__all__ == sorted(embedtune.__all__)
    assert [name for name in embedtune.__all__ if not hasattr(embedtune, name)] == []


def test_the_changelog_names_the_version():
    assert f"## [{embedtune.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f'version = "{embedtune.__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_constraints_are_plain_pins():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    assert "torch==2.13.0" in lines
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)] == []


def test_every_floor_and_folder_has_its_row():
    """CONTRIBUTING says where everything is: each part of the package, and each folder beside it."""
    rows = [
        line for line in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines() if line.startswith("|")
    ]
    named = set(re.findall(r"`([\w./]+)`", "\n".join(rows)))
    package = {f"{path.name}/" if path.is_dir() else path.name for path in (ROOT / "embedtune").glob("[!_.]*")} - {
        "py.typed"
    }
    beside = {f"{name}/" for name in ("docs", "pipelines", "data", "benchmarks", "tests", ".ci")}
    assert len(package) > 25
    assert sorted((package | beside) - named) == []


def test_modules_are_one_page_of_thought():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (ROOT / "embedtune").rglob("*.py")}
    assert {path.name: length for path, length in lengths.items() if length > 500} == {}


@pytest.mark.parametrize(
    "folder",
    ["documents", "formats", "integrations", "llm", "models", "reports", "retrieval", "serving", "snippets", "ui"],
)
def test_every_module_has_its_test_file(folder):
    """Tests mirror the package: ``embedtune/retrieval/bm25.py`` and ``tests/retrieval/test_bm25.py``."""
    modules = {path.stem for path in (ROOT / "embedtune" / folder).glob("*.py")} - {"__init__", "hits"}
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "tests" / folder).glob("test_*.py")}
    assert len(modules) >= 3
    assert sorted(modules - tests) == []
