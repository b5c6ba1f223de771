import json
from pathlib import Path

import pytest

from embedtune.cli.generate_command import default_run


@pytest.mark.parametrize(
    ("source", "run"),
    [("docs/", "docs"), ("my docs", "my-docs"), ("a/b/set.json", "set"), ("..docs..", "docs"), ("/", "mine")],
)
def test_without_out_the_run_is_named_after_its_source(source, run):
    assert default_run(source) == Path("runs") / run


def test_dry_run_writes_nothing(invoke, document_folder, tiny_base, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, _ = invoke("generate", document_folder, "--model", tiny_base, "--window", 48, "--dry-run")
    assert code == 0 and out.startswith("generate would run")
    assert list(tmp_path.iterdir()) == []


def test_naming_a_language_model_is_enough_to_use_it(invoke, document_folder, tiny_base, tmp_path):
    options = ("--model", tiny_base, "--llm", "openai:m", "--base-url", "http://127.0.0.1:9/v1", "--dry-run", "--json")
    code, out, _ = invoke("generate", document_folder, "--out", tmp_path / "run", *options)
    assert code == 0 and json.loads(out)["llm"]
