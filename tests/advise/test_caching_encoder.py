"""An encoder that encodes nothing twice gives the vectors of one that does."""

from __future__ import annotations

import numpy as np

from embedtune.advise.caching_encoder import CachingEncoder
from embedtune.models.encoder import Encoder, load_model

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
