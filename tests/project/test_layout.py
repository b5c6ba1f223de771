from __future__ import annotations

import pytest

from embedtune.project.layout import doubles, file_name, set_folder


def test_names_become_files_that_any_disk_takes():
    assert file_name("BAAI/bge-small-en-v1.5") == "BAAI_bge-small-en-v1.5"
    assert file_name("tuned:my run") == "tuned_my_run"
    assert file_name("hybrid_base") == "hybrid_base"


def test_names_that_would_share_a_file_are_found():
    assert doubles(["a/b", "a_b", "c", "A_b", "d"]) == ["a/b", "a_b", "A_b"]
    assert doubles(["a", "b"]) == []


@pytest.mark.parametrize(
    "name", ["..", ".", "", "...", "manifest.json", "metrics.json", "Report.html", "base.run.trec", "a/../b"]
)
def test_no_name_of_a_query_set_leaves_its_folder_or_meets_a_file_of_ours(name, tmp_path):
    place = tmp_path / set_folder(name)
    assert place.resolve().parent == tmp_path.resolve()
    assert place.name.casefold() not in {"manifest.json", "metrics.json", "report.html", "base.run.trec"}
