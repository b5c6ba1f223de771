from __future__ import annotations

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from embedtune.models.encoder import Encoder, load_model
from embedtune.models.opening import has_own_module
from embedtune.models.passage_residuals import PassageResiduals, number_passages

KNOWN = [["the pump is noisy", "the pump is noisy and hot"], ["needle and thread"]]
OTHERS = ["the valve of the boiler", "cloth"]


@pytest.fixture(scope="module")
def dense(tiny_base):
    return load_model(tiny_base, query_prompt="query: ", document_prompt="passage: ")


@pytest.fixture(scope="module")
def residuals(dense):
    return torch.randn(2, dense.get_embedding_dimension(), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def model(dense, residuals):
    module = PassageResiduals(dense, residuals, number_passages(KNOWN))
    return SentenceTransformer(modules=[module], prompts=dense.prompts, device="cpu")


def test_queries_and_unknown_passages_keep_their_vectors_bit_for_bit(model, dense):
    queries = [*OTHERS, *KNOWN[0]]
    assert np.array_equal(model.encode_query(queries), dense.encode_query(queries))
    assert np.array_equal(model.encode_document(OTHERS), dense.encode_document(OTHERS))
    assert model.get_embedding_dimension() == dense.get_embedding_dimension()


@pytest.mark.parametrize(("row", "text"), [(0, KNOWN[0][0]), (0, KNOWN[0][1]), (1, " needle\n and  thread ")])
def test_a_known_text_is_moved_and_keeps_its_length(model, dense, residuals, row, text):
    plain, moved = dense.encode_document([text])[0], model.encode_document([text])[0]
    length = np.linalg.norm(plain)
    wanted = plain / length + residuals[row].numpy()
    assert moved / length == pytest.approx(wanted / np.linalg.norm(wanted), abs=1e-6)


def test_saved_and_loaded_it_gives_the_same_bits_and_holds_no_text(model, tmp_path):
    folder = tmp_path / "model"
    model.save_pretrained(str(folder), create_model_card=False)
    with pytest.raises(ValueError, match="trust_remote_code"):
        SentenceTransformer(str(folder))
    texts = [*OTHERS, *KNOWN[0], *KNOWN[1]]
    again = load_model(folder)
    assert has_own_module(again)
    assert np.array_equal(again.encode_query(texts), model.encode_query(texts))
    assert np.array_equal(again.encode_document(texts), model.encode_document(texts))
    assert Encoder(again).window == Encoder(model[0].dense).window
    assert b"needle" not in (folder / "passage_residuals.safetensors").read_bytes()
    assert not has_own_module(SentenceTransformer(str(folder / "dense")))


def test_a_text_that_two_passages_share_has_one_row():
    assert sorted(number_passages([["same", "a"], ["same ", "b"]]).values()) == [0, 0, 1]


def test_a_table_of_another_model_is_refused(dense):
    with pytest.raises(ValueError, match="residuals of 3 dimensions"):
        PassageResiduals(dense, torch.zeros(1, 3), {})
