"""What a window cuts off, counted by hand."""

from __future__ import annotations

import pytest

from embedtune.advise.truncation import MAX_DOCUMENTS, measure_window_share
from embedtune.types import Document


def words(texts):
    return [len(text.split()) for text in texts]


def document(name: str, n_words: int, title: str = "") -> Document:
    return Document(name, title, " ".join(["word"] * n_words))


def test_shares_of_whole_documents_and_of_chunks():
    found = measure_window_share([document("a", 100), document("b", 1300, title="one two")], words, 400, 0)
    assert found.share_documents_longer == 0.5
    assert found.share_lost_whole == pytest.approx(902 / 1402, abs=1e-4)
    # 1302 = 2 × 512 + 278: two chunks lose 112 each; = 1024 + 278: one loses 624.
    assert found.share_lost_in_chunks == {
        "512": pytest.approx(224 / 1402, abs=1e-4),
        "1024": pytest.approx(624 / 1402, abs=1e-4),
    }
    assert (found.documents, found.median_tokens) == (2, 1302)


def test_chunks_that_the_window_holds_are_not_listed():
    assert measure_window_share([document("a", 10)], words, 512, 0).share_lost_in_chunks == {"1024": 0.0}


def test_many_documents_are_sampled_and_long_ones_are_reckoned_by_their_beginning():
    many = [document(str(number), 3) for number in range(MAX_DOCUMENTS + 50)]
    found = measure_window_share(many, words, 8, 0)
    assert (found.documents, found.measured_documents) == (MAX_DOCUMENTS + 50, MAX_DOCUMENTS)
    assert measure_window_share([document("a", 100_000)], words, 8, 0).median_tokens == pytest.approx(100_000, rel=0.01)
