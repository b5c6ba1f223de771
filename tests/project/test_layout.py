from __future__ import annotations

from embedtune.project.layout import doubles, file_name


def test_names_become_files_that_any_disk_takes():
    assert file_name("BAAI/bge-small-en-v1.5") == "BAAI_bge-small-en-v1.5"
    assert file_name("tuned:my run") == "tuned_my_run"
    assert file_name("hybrid_base") == "hybrid_base"


def test_names_that_would_share_a_file_are_found():
    assert doubles(["a/b", "a_b", "c", "A_b", "d"]) == ["a/b", "a_b", "A_b"]
    assert doubles(["a", "b"]) == []
