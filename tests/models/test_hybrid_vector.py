from __future__ import annotations

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from embedtune.models.encoder import Encoder, load_model
from embedtune.models.hybrid_vector import BM25Sketch, HybridVector, append_sketches
from embedtune.models.opening import has_own_module, is_own_code

PASSAGES = ["the pump is noisy", "the valve of the boiler is hot and hot again", "needle and thread"]
QUERIES = ["noisy pump", "hot boiler"]


@pytest.fixture(scope="module")
def dense(tiny_base):
    return load_model(tiny_base, query_prompt="query: ", document_prompt="passage: ")


@pytest.fixture(scope="module")
def lexical():
    return BM25Sketch.fit(PASSAGES * 2, 127)


@pytest.fixture(scope="module")
def model(dense, lexical):
    module = HybridVector(dense, lexical, scale=0.5, longest=20.0)
    return SentenceTransformer(modules=[module], prompts=dense.prompts, device="cpu")


def test_products_are_the_cosine_and_the_scaled_lexical_product_but_for_one_factor(model, dense, lexical):
    got = model.encode_query(QUERIES) @ model.encode_document(PASSAGES).T
    cosines = (
        dense.encode_query(QUERIES, normalize_embeddings=True)
        @ dense.encode_document(PASSAGES, normalize_embeddings=True).T
    )
    wanted = cosines + 0.5 * lexical.queries(QUERIES) @ lexical.documents(PASSAGES).T
    for row, expected in zip(got, wanted, strict=True):
        assert row / row[0] == pytest.approx(expected / expected[0], rel=1e-4)


def test_all_vectors_are_unit_vectors_of_the_told_dimension(model, dense):
    vectors = np.vstack([model.encode_query(QUERIES), model.encode_document(PASSAGES)])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    assert vectors.shape[1] == model.get_embedding_dimension() == dense.get_embedding_dimension() + 128


def test_the_prompt_is_not_among_the_words(model, dense, lexical):
    bare = SentenceTransformer(modules=[HybridVector(dense, lexical, scale=0.5, longest=20.0)], device="cpu")
    words = slice(dense.get_embedding_dimension(), -1)
    assert np.allclose(bare.encode_query(QUERIES)[:, words], model.encode_query(QUERIES)[:, words], atol=1e-6)


def test_plain_encode_takes_texts_for_passages(dense, lexical):
    bare = SentenceTransformer(modules=[HybridVector(dense, lexical, scale=0.5, longest=20.0)], device="cpu")
    assert np.array_equal(bare.encode(PASSAGES), bare.encode(PASSAGES, prompt=None, task="document"))


def test_a_passage_with_more_words_than_any_before_is_shortened(dense, lexical):
    model = SentenceTransformer(modules=[HybridVector(dense, lexical, scale=1.0, longest=0.1)], device="cpu")
    vectors = model.encode_document(PASSAGES)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    assert vectors[:, -1] == pytest.approx(0, abs=1e-3)


def test_saved_and_loaded_it_gives_the_same_bits_and_its_dense_part_stands_alone(model, dense, tmp_path):
    folder = tmp_path / "model"
    model.save_pretrained(str(folder), create_model_card=False)
    with pytest.raises(ValueError, match="trust_remote_code"):
        SentenceTransformer(str(folder))
    for again in (SentenceTransformer(str(folder), trust_remote_code=True), load_model(folder)):
        assert has_own_module(again)
        assert np.array_equal(again.encode_query(QUERIES), model.encode_query(QUERIES))
        assert np.array_equal(again.encode_document(PASSAGES), model.encode_document(PASSAGES))
    alone = SentenceTransformer(str(folder / "dense"))
    assert np.array_equal(alone.encode_query(QUERIES), dense.encode_query(QUERIES))
    assert not has_own_module(alone)


def test_only_folders_without_foreign_code_are_trusted(model, tiny_base, tmp_path):
    folder = tmp_path / "model"
    model.save_pretrained(str(folder), create_model_card=False)
    assert is_own_code(folder)
    assert not is_own_code(tiny_base)
    (folder / "surprise.py").write_text("raise SystemExit")
    assert not is_own_code(folder)


def test_our_encoder_sees_the_window_of_the_dense_model(model, dense):
    assert Encoder(model).window == Encoder(dense).window
    assert Encoder(model, precision="bf16").encode_documents(PASSAGES).shape == (3, model.get_embedding_dimension())


def test_words_beside_known_vectors_are_what_the_model_encodes(model, dense):
    known = dense.encode_document(PASSAGES, normalize_embeddings=True)
    assert append_sketches(model[0], known, PASSAGES) == pytest.approx(model.encode_document(PASSAGES), abs=1e-6)
