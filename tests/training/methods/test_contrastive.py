from __future__ import annotations

import json

import pytest

import embedtune


def test_both_sides_are_trained_on_pairs_and_written(train):
    run, _, record = train(method="lora")
    assert record.method == "lora"
    assert not record.queries_only
    rows = [json.loads(line) for line in (run / "model" / "pairs.jsonl").read_text().splitlines()]
    assert len(rows) == record.pairs <= 64
    assert rows[0].keys() == {"query_id", "anchor", "positive"}


def test_too_few_pairs_for_a_batch_are_named(train):
    with pytest.raises(embedtune.DataError, match="expected at least 5000 pairs"):
        train(method="lora", batch_size=5000)
