"""What is gathered from a source: both kinds of queries, and passages as large as the largest chunk."""

from __future__ import annotations

import pytest

from embedtune.advice.material import MAX_TRAIN_QUERIES, gather
from embedtune.errors import DataError


def test_half_of_the_documents_judge_and_half_teach(material):
    documents = {passage.passage_id: passage.document_id for passage in material.passages}
    judging = {documents[name] for judged in material.judged.qrels.values() for name in judged}
    teaching = {documents[name] for judged in material.train.qrels.values() for name in judged}
    assert judging and teaching and not judging & teaching
    assert material.drawn
    assert {query.kind for query in material.judged.queries} == {"heading", "span", "sentence"}


def test_own_documents_are_cut_as_large_as_the_largest_chunk(material):
    counts = material.base.token_counts([passage.full_text for passage in material.passages])
    assert 32 < max(counts) <= material.base.window == 62


def test_train_queries_are_those_of_the_sample(material, judge):
    train = material.train_in(judge.sample, 0)
    held = {passage.passage_id for passage in judge.sample.passages}
    assert 64 <= len(train.queries) <= MAX_TRAIN_QUERIES
    assert all(train.qrels[query.query_id].keys() <= held for query in train.queries)


def test_given_queries_judge_documents_and_all_documents_teach(made, beir_folder, tmp_path):
    found = gather(made.model_copy(update={"source": str(beir_folder)}), str(beir_folder), tmp_path)
    assert (found.drawn, found.judged.judges, len(found.judged.queries)) == (False, "document", 26)
    assert found.source.ready_made and found.n_passages == 26


def test_a_source_from_which_nothing_can_be_drawn_is_refused(made, tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("Hello.", encoding="utf-8")
    with pytest.raises(DataError, match="expected text to draw queries from"):
        gather(made.model_copy(update={"source": str(tmp_path / "docs")}), None, tmp_path)
