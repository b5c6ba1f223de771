"""Sizes of chunk on the same queries and passages."""

from __future__ import annotations

import pytest

from embedtune.advise.chunk_sizes import CUT_OFF, measure_chunk_cells, sizes_for


@pytest.mark.parametrize(
    ("window", "wanted", "sizes"),
    [(254, 128, [64, 128, 254]), (510, 128, [64, 128, 256]), (62, 48, [48, 62]), (510, 400, [64, 128, 256, 400])],
)
def test_sizes_that_are_tried(window, wanted, sizes):
    assert sizes_for(window, wanted) == sizes


def test_own_documents_are_held_against_the_wanted_size(judge, material):
    cells = measure_chunk_cells(judge, material.base, wanted=32, overlap=0.25, cut_off=False)
    assert (list(cells.scores), list(cells.compared), cells.reference) == (["32", "62"], ["62"], "32")
    assert cells.vectors["32"] > cells.vectors["62"] == len(judge.sample.passages)
    mine = cells.scores["62"]["ndcg@10"].mean() - cells.scores["32"]["ndcg@10"].mean()
    assert cells.compared["62"].difference == pytest.approx(mine)
    assert cells.over("32", "62").difference == pytest.approx(-mine)


def test_ready_made_passages_are_held_against_being_cut_off(judge, material):
    cells = measure_chunk_cells(judge, material.base, wanted=32, overlap=0.25, cut_off=True)
    assert cells.reference == CUT_OFF
    assert set(cells.compared) == {"32", "62"}
    assert cells.vectors[CUT_OFF] == len(judge.sample.passages)
