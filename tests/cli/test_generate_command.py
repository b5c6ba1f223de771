"""``embedtune generate`` as a user types it."""

import pytest

from embedtune.cli.stage_commands import default_run


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("docs", "docs"),
        ("docs/", "docs"),
        ("a/My Manual", "My-Manual"),
        ("set.json", "set"),
        ("pairs/my.train.jsonl", "my.train"),
        ("/", "mine"),
        (".", None),
    ],
)
def test_the_run_folder_is_named_after_the_source(source, name, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert default_run(source).as_posix() == f"runs/{name or 'here'}"


def test_without_out_the_folder_is_said_and_the_queries_are_shown(
    invoke, document_folder, tiny_base, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, out, err = invoke("generate", document_folder, "--model", tiny_base, "--set", "window_tokens=32")
    run = f"runs/{document_folder.name}"
    assert code == 0
    assert f"run folder: {run}" in err.splitlines()
    lines = out.splitlines()
    assert lines[-2:] == [f"{run}/dataset", f"next: embedtune train {run}"]
    samples = lines[lines.index("sample queries:") + 1 :]
    assert sum(line.split()[0] in ("heading", "span", "sentence", "keyphrase") for line in samples) == 5
