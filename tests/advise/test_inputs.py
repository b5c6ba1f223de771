"""Evaluation and train queries from one source, and an encoder that encodes nothing twice."""

from __future__ import annotations

import numpy as np
import pytest

from embedtune.advise.inputs import MAX_TRAIN_QUERIES, CachingEncoder, gather
from embedtune.errors import DataError
from embedtune.models.encoder import Encoder, load_model


def test_half_of_the_documents_judge_and_half_teach(material):
    documents = {passage.passage_id: passage.document_id for passage in material.passages}
    judging = {documents[name] for judged in material.judged.qrels.values() for name in judged}
    teaching = {documents[name] for judged in material.train.qrels.values() for name in judged}
    assert judging and teaching and not judging & teaching
    assert material.synthetic
    assert {query.kind for query in material.judged.queries} == {"heading", "span", "sentence"}


def test_own_documents_are_cut_as_large_as_the_largest_chunk(material):
    counts = material.base.token_counts([passage.full_text for passage in material.passages])
    assert 32 < max(counts) <= material.base.window == 62


def test_train_queries_are_those_of_the_sample(material, evaluator):
    train = material.train_in(evaluator.sample, 0)
    held = {passage.passage_id for passage in evaluator.sample.passages}
    assert 64 <= len(train.queries) <= MAX_TRAIN_QUERIES
    assert all(train.qrels[query.query_id].keys() <= held for query in train.queries)


def test_given_queries_judge_documents_and_all_documents_teach(made, beir_folder, tmp_path):
    found = gather(made.model_copy(update={"source": str(beir_folder)}), str(beir_folder), tmp_path)
    assert (found.synthetic, found.judged.judged_unit, len(found.judged.queries)) == (False, "document", 26)
    assert found.source.ready_made and found.n_passages == 26


def test_a_source_from_which_nothing_can_be_drawn_is_refused(made, tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("Hello.", encoding="utf-8")
    with pytest.raises(DataError, match="expected text to draw queries from"):
        gather(made.model_copy(update={"source": str(tmp_path / "docs")}), None, tmp_path)


TEXTS = ["The pump hums.", "The lamp blinks.", "The pump hums."]


def test_same_vectors_and_no_work_the_second_time(tiny_base):
    model = load_model(tiny_base)
    plain, remembering = Encoder(model), CachingEncoder(model, precision="fp32")
    told: list[int] = []
    assert np.allclose(remembering.encode_documents(TEXTS, told.append), plain.encode_documents(TEXTS), atol=1e-6)
    assert np.allclose(remembering.encode_queries(TEXTS), plain.encode_queries(TEXTS), atol=1e-6)
    tokens, seconds = remembering.document_tokens, remembering.document_seconds
    assert tokens == sum(plain.token_counts(TEXTS[:2])) and seconds > 0 and told == [2]
    again = remembering.encode_documents(TEXTS[::-1])
    assert np.allclose(again, plain.encode_documents(TEXTS[::-1]), atol=1e-6)
    assert (remembering.document_tokens, remembering.document_seconds) == (tokens, seconds)


def test_nothing_to_encode(tiny_base):
    remembering = CachingEncoder(load_model(tiny_base), precision="fp32")
    assert remembering.encode_documents([]).shape == remembering.encode_queries([]).shape == (0, 64)
