"""More in test_status.py, where documents change."""

from __future__ import annotations

from embedtune.documents.inventory import Changes
from embedtune.formats import beir
from embedtune.pipeline.passage_changes import passage_changes
from embedtune.pipeline.status import Status


def test_without_a_change_nothing_is_read(small_run):
    run, _ = small_run
    unchanged = Status("", Changes([], [], [], []), "", [], [], None, "")
    found = passage_changes(run, unchanged)
    ids = {passage.passage_id for passage in beir.stream_passages(run / "dataset")}
    assert (found.delete, found.add, found.kept) == ([], [], len(ids))
