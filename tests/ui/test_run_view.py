from __future__ import annotations

import shutil

from embedtune.ui.roots import Root
from embedtune.ui.run_view import named_stages, read_codes, read_standing, read_view


def test_a_run_says_which_it_is_and_what_was_measured(run):
    view = read_view(run)
    assert view.problem == ""
    assert (view.model.record.method, view.decision.evidence) == ("linear", "evaluation")
    (results,) = view.sets
    rows = {row.system: row for row in results.rows}
    assert rows["tuned"].gain.reference == "base"
    assert rows["bm25"].gain is None
    assert results.headline["words"]
    assert len(view.suggestions) == 3
    assert view.suggestions[0][1] == "gained most"
    assert view.has == ["report.html", "model_card.md"]


def test_a_part_that_cannot_be_read_is_told_and_the_rest_is_shown(run, small_run, tmp_path):
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns(".vectors"))
    (tmp_path / "run" / "eval" / "metrics.json").write_text("{}")
    view = read_view(tmp_path / "run")
    assert "metrics.json" in view.problem
    assert view.sets and view.decision is None
    bare = read_view(small_run[0])
    assert (bare.sets, bare.has) == ([], [])
    assert len(bare.suggestions) == 3
    assert "candidate" in bare.decision.reason
    assert read_view(tmp_path).dataset is None


def test_where_a_run_stands_is_told_without_looking_outside(run, small_run, tmp_path):
    standing = read_standing(run, Root([run]))
    assert standing.status is None  # its documents are elsewhere
    assert named_stages(standing.stages) == dict.fromkeys(("dataset", "model", "eval"), "up to date")
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns(".vectors", "eval"))
    (tmp_path / "run" / "model" / "merged" / "README.md").write_text("changed")
    states = named_stages(read_standing(tmp_path / "run", Root([tmp_path])).stages)
    assert states["model"].startswith("changed by hand: merged/README.md")
    assert states["eval"] == "not there"


def test_there_is_code_for_each_stack(run):
    codes = {code.target: code for code in read_codes(run)}
    assert "sentence-transformers" in codes
    assert str(run) in codes["sentence-transformers"].plug.code
    assert codes["sentence-transformers"].checkable
    assert not codes["tei"].checkable
