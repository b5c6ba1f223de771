from __future__ import annotations

import pytest

from embedtune.errors import ConfigError
from embedtune.ui.roots import Root


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root" / "docs" / "deep").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "root" / "inner").symlink_to(tmp_path / "root" / "docs")
    return Root([tmp_path / "root"])


def test_names_and_paths_are_one(root):
    assert root.name_of(root.find("docs/deep")) == "docs/deep"
    assert root.find("") == root.folder
    assert root.name_of(root.folder) == ""
    with pytest.raises(ConfigError, match="elsewhere"):
        root.name_of(root.folder.parent / "outside")


@pytest.mark.parametrize("name", ["../outside", "docs/../..", "/etc/passwd", "link", "link/x", "inner", "inner/deep", "~root", ".x", "docs/.x", "a\0b", "a\\b", "x" * 2000, "missing"])  # fmt: skip
def test_nothing_else_has_a_name(root, name):
    with pytest.raises(ConfigError, match="expected"):
        root.find(name)


def test_single_runs_have_names_of_their_own(run, tmp_path):
    import shutil

    other = tmp_path / "other" / run.name
    shutil.copytree(run, other)
    root = Root([run, other])
    assert not root.can_grow
    assert list(root.runs) == [run.name, f"other_{run.name}"]
    assert list(Root([run, run]).runs) == [run.name]
    assert root.find(f"other_{run.name}/dataset") == other.resolve() / "dataset"
    for name in ("", "dataset", f"{run.name}/../x"):
        with pytest.raises(ConfigError):
            root.find(name)
    with pytest.raises(ConfigError, match="expected a run"):
        Root([run, tmp_path])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("generate.source", "/etc"), ("generate.source", "../docs"), ("generate.source", "link"),
        ("generate.model", "~/models"), ("generate.llm.name", "hf:/models/x"), ("generate.llm.name", "gguf:../x"),
        ("train.teacher", "cross-encoder:/x"), ("eval.queries", ["docs", "link/q"]), ("generate.labels", ["../x"]),
        ("train.trainer_args", {"logging_dir": "/tmp/x"}), ("out", "../out"),
    ],
)  # fmt: skip
def test_settings_that_name_a_place_outside_are_refused(root, key, value):
    values: object = value
    for part in reversed(key.split(".")):
        values = {part: values}
    with pytest.raises(ConfigError, match=key.split(".")[0]):
        root.check_values(values)


def test_other_settings_are_left_alone(root):
    root.check_values(
        {
            "generate": {
                "source": "docs", "model": "sentence-transformers/all-MiniLM-L6-v2", "query_prompt": "/ query: ",
                "llm": {"name": "openai:gpt-4o-mini", "base_url": "http://localhost:8000/v1"}, "window_tokens": 64,
            },
        }
    )  # fmt: skip
