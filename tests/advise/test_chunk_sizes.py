"""Chunk sizes on the same queries and passages, and what a window cuts off, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from embedtune.advise.chunk_sizes import (
    CUT_OFF,
    MAX_DOCUMENTS,
    best_size,
    measure_chunk_cells,
    measure_window_share,
    sizes_for,
)
from embedtune.types import Document


@pytest.mark.parametrize(
    ("window", "wanted", "sizes"),
    [(254, 128, [64, 128, 254]), (510, 128, [64, 128, 256]), (62, 48, [48, 62]), (510, 400, [64, 128, 256, 400])],
)
def test_sizes_that_are_tried(window, wanted, sizes):
    assert sizes_for(window, wanted) == sizes


def test_own_documents_are_held_against_the_wanted_size(evaluator, material):
    cells = measure_chunk_cells(evaluator, material.base, wanted=32, overlap=0.25, cut_off=False)
    assert (list(cells.scores), list(cells.compared), cells.reference) == (["32", "62"], ["62"], "32")
    assert cells.vectors["32"] > cells.vectors["62"] == len(evaluator.sample.passages)
    mine = cells.scores["62"]["ndcg@10"].mean() - cells.scores["32"]["ndcg@10"].mean()
    assert cells.compared["62"].difference == pytest.approx(mine)
    assert cells.best in (32, 62)


def test_the_wanted_size_is_kept_unless_another_is_significantly_better(evaluator):
    n = len(evaluator.sample.judged.queries)
    scores = {name: {"ndcg@10": np.full(n, value)} for name, value in (("32", 0.4), ("62", 0.9), ("128", 0.405))}
    assert [best_size(evaluator, scores, wanted) for wanted in scores] == [62, 62, 62]
    del scores["62"]
    assert [best_size(evaluator, scores, wanted) for wanted in scores] == [32, 128]


def test_ready_made_passages_are_held_against_being_cut_off(evaluator, material):
    cells = measure_chunk_cells(evaluator, material.base, wanted=32, overlap=0.25, cut_off=True)
    assert cells.reference == CUT_OFF
    assert set(cells.compared) == {"32", "62"}
    assert cells.vectors[CUT_OFF] == len(evaluator.sample.passages)


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
