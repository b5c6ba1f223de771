from __future__ import annotations

import numpy as np


def test_texts_of_any_length_keep_their_order(service):
    texts = ["a", "several more words than before", "two words", *(f"text {n} " * n for n in range(1, 12))]
    found = service.embed_documents(texts)
    assert np.abs(np.stack([each.vector for each in found]) - service.embedder.encode_documents(texts)).max() <= 1e-5
    assert [each.n_tokens for each in found] == service.embedder.encoder.token_counts(texts)


def test_it_knows_whether_queries_are_encoded_as_documents_are(service, plain_service):
    assert (service.sides_differ, plain_service.sides_differ) == (True, False)
    assert [len(hits) for hits in service.search([("item 7919", 2), ("item 0", 5)])] == [2, 5]
