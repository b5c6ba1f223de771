"""Real collections outside the repository: a folder of BEIR folders, named by EMBEDTUNE_COLLECTIONS."""

import os
from pathlib import Path

import pytest

import embedtune
from embedtune.dataset import read_dataset

FOLDER = os.environ.get("EMBEDTUNE_COLLECTIONS")
COLLECTIONS = sorted(path.parent for path in Path(FOLDER).glob("*/corpus.jsonl")) if FOLDER else []


@pytest.mark.shared
@pytest.mark.timeout(600)
@pytest.mark.skipif(not COLLECTIONS, reason="EMBEDTUNE_COLLECTIONS names no folder of BEIR folders")
@pytest.mark.parametrize("folder", COLLECTIONS, ids=lambda path: path.name)
def test_a_collection_becomes_a_dataset_with_its_own_test_queries(folder, tmp_path):
    result = embedtune.generate(embedtune.GenerateConfig(source=str(folder), per_kind=1), tmp_path)
    dataset = read_dataset(tmp_path / "dataset")
    assert result.record.window.share_lost == 0.0
    assert len(dataset.passages) > 500
    assert {query.kind for query in dataset.splits["test"].queries} == {"source"}
    assert "source" not in {query.kind for query in dataset.splits["train"].queries}
    assert len(dataset.splits["train"].queries) > 300
    assert len(dataset.splits["dev"].queries) > 50
