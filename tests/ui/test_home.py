from __future__ import annotations

import json
import shutil
import time

import pytest

from embedtune.ui.home import read_rows
from embedtune.ui.roots import Root


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    """Return a folder with a whole run, a new one, two that are broken, one of another program, a link, and no run."""
    folder = tmp_path_factory.mktemp("home")
    light = shutil.ignore_patterns(".vectors", "*.trec", "*.safetensors")
    shutil.copytree(run, folder / "runs" / "whole", ignore=light)
    for name in ("stale", "broken", "later"):
        shutil.copytree(folder / "runs" / "whole", folder / "runs" / name)
    manifest = folder / "runs" / "stale" / "dataset" / "manifest.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**content, "outputs": {"corpus.jsonl": "other"}}))
    (folder / "runs" / "broken" / "eval" / "manifest.json").write_text("{")
    later = folder / "runs" / "later" / "dataset" / "manifest.json"
    later.write_text(later.read_text().replace('"passages"', '"passages_of_a_later_version"'))
    (folder / "mlflow" / "model").mkdir(parents=True)
    (folder / "mlflow" / "model" / "manifest.json").write_text('{"name": "<script>"}')
    (folder / "new").mkdir()
    (folder / "new" / "recipe.yaml").write_text("generate: {source: docs}\nout: new\n")
    (folder / "linked").symlink_to(run)
    (folder / "documents").mkdir()
    return folder


def test_a_row_says_what_was_measured(folder):
    rows = {row.name: row for row in read_rows(Root([folder]))}
    whole = rows["runs/whole"]
    assert (whole.stage, whole.method, whole.problem) == ("evaluated", "linear", "")
    assert whole.documents.startswith("48") or whole.documents
    assert 0 < whole.score <= 1
    assert (whole.gain.system, whole.gain.reference) == ("tuned", "base")
    assert whole.size > 10_000 and whole.date.startswith("20")
    assert rows["new"].stage == "new"
    assert rows["runs/stale"].verdict.endswith(", stale")


def test_what_is_no_whole_run_is_named_with_the_reason_and_comes_last(folder):
    rows = read_rows(Root([folder]))
    problems = {row.name: row.problem for row in rows if row.problem}
    assert list(problems) == [row.name for row in rows[-4:]]
    assert problems["runs/broken"] == "broken: eval/manifest.json is no JSON"
    assert problems["mlflow"] == "foreign: model/manifest.json is not of embedtune"
    assert problems["linked"] == "a link, which this page does not follow"
    assert "passages" in problems["runs/later"]
    assert "documents" not in {row.name for row in rows}


def test_two_hundred_runs_are_read_in_a_second_and_a_half(folder, tmp_path):
    for number in range(200):
        shutil.copytree(folder / "runs" / "whole", tmp_path / f"{number}")
    started = time.process_time()
    rows = read_rows(Root([tmp_path]))
    assert len(rows) == 200 and not any(row.problem for row in rows)
    assert time.process_time() - started < 1.5
