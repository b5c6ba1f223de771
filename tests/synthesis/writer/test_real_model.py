"""A small real model learns from 30 queries: SmolLM2 as a transformers folder, named by ``SMOLLM2_FOLDER``."""

import os
from pathlib import Path

import pytest

import embedtune
from embedtune.config.writer import WriterConfig
from embedtune.llm.local_models import open_base
from embedtune.resources import find_query_set
from embedtune.synthesis.writer.pairs import judged_pairs
from embedtune.synthesis.writer.tuning import tune_writer

MODEL = os.environ.get("SMOLLM2_FOLDER", "")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path(MODEL, "config.json").is_file(), reason="needs SMOLLM2_FOLDER"),
]


def test_thirty_queries_make_it_ask_more_like_people():
    general = embedtune.Dataset.from_beir(find_query_set("general"))
    texts = {passage.passage_id: passage.full_text for passage in general.passages}
    pairs = judged_pairs([general.splits["test"]], texts, 0)  # of this test; the command never reads a test split
    config = WriterConfig(source="memory", llm="hf:memory", max_queries=30, epochs=2)
    record = tune_writer(open_base(MODEL), pairs, config).record
    print(record.summary(), record.by_epoch, record.base_writes.examples, record.writes.examples, sep="\n")
    assert (record.train, record.held_out) == (24, 6)
    assert record.loss < record.loss_before - 0.2
    people = record.writes.likeness.words.examples
    base, writer = (abs(each.likeness.words.written - people) for each in (record.base_writes, record.writes))
    assert writer <= base
