"""Rules of the repository that no linter knows."""

import re
from pathlib import Path

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


def test_pipeline_modules_are_short():
    """A stage is written where its parts meet; what grows beyond 150 lines there is a part of its own."""
    lengths = {
        path.name: len(path.read_text(encoding="utf-8").splitlines())
        for path in (ROOT / "embedtune" / "pipeline").glob("*.py")
    }
    assert len(lengths) > 10
    assert {name: length for name, length in lengths.items() if length > 150} == {}


_TESTED_TOGETHER = {
    "tests/cli/test_eval_command.py": ("cli/eval_output", "cli/stage_commands"),
    "tests/cli/test_export_model_command.py": ("cli/run_folder_commands",),
    "tests/cli/test_llm_commands.py": (
        "cli/generate_output",
        "pipeline/llm_batches", "synthesis/llm/session",
    ),
    "tests/config/test_settings.py": ("config/base", "config/loader", "config/training"),
    "tests/doctor/test_rows.py": ("doctor",),
    "tests/e2e/test_command_line.py": ("cli/output",),
    "tests/e2e/test_pipeline.py": ("pipeline/evaluate", "pipeline/evaluation_files", "pipeline/train"),
    "tests/pipeline/test_generate.py": ("pipeline/make_dataset",),
    "tests/pipeline/test_search.py": (
        "cli/search_command", "pipeline/search_trials", "pipeline/training_context", "project/search_records",
    ),
    "tests/training/test_search_space.py": ("config/search",),
    "tests/pipeline/test_push.py": ("cli/push_command",),
    "tests/ui/test_flow.py": ("ui/answers", "ui/app", "ui/new_run", "ui/routes_home", "ui/routes_run", "ui/site"),
    "tests/pipeline/test_update.py": ("cli/update_command", "pipeline/update_dataset"),
    "tests/training/methods/test_start.py": (
        "cli/merge_command", "models/merged_adapters", "pipeline/merge_runs", "training/start",
    ),
    "tests/training/updates/test_registry.py": (
        "models/adapted", "models/bottleneck", "models/trained_prompts",
        "training/updates/head", "training/updates/merged", "training/updates/unmerged",
    ),
}  # fmt: skip
"""Modules that are parts of one thing, and the file that tests it."""


def test_every_module_has_its_test_file():
    """Tests mirror the package: ``embedtune/retrieval/bm25.py`` and ``tests/retrieval/test_bm25.py``."""
    package = ROOT / "embedtune"
    modules = {path.relative_to(package) for path in package.rglob("*.py") if not path.name.startswith("__")}
    own = {path for path in modules if (ROOT / "tests" / path.parent / f"test_{path.name}").is_file()}
    together = {Path(f"{name}.py") for names in _TESTED_TOGETHER.values() for name in names}
    assert len(modules) > 150
    assert sorted(path.as_posix() for path in modules - own - together) == []
    assert [file for file in _TESTED_TOGETHER if not (ROOT / file).is_file()] == []
