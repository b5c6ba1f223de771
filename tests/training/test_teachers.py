from __future__ import annotations

import numpy as np
import pytest
import torch

from embedtune.training.teachers import SoftTeacher

SCORES = np.array([[2.0, 0.0, -1.0, -1.0], [0.0, 1.0, 0.0, -1.0]], dtype=np.float32)


def teach(relevant, *, scores=SCORES, bonus=0.0, temperature=1.0):
    scorer = None if scores is None else lambda rows: scores[list(rows)]
    return SoftTeacher(relevant, 4, scorer, bonus=bonus, temperature=temperature)


def test_each_row_is_the_softmax_of_the_scores():
    found = teach([[0], [1]])([1, 0])
    assert torch.allclose(found, torch.from_numpy(SCORES[[1, 0]]).softmax(dim=1))


def test_known_passages_are_lifted_by_the_bonus():
    found = teach([[3], [1, 2]], bonus=5.0)([0, 1])
    assert found.argmax(dim=1).tolist() == [3, 1]
    lifted = torch.tensor([[2.0, 0.0, -1.0, 4.0], [0.0, 6.0, 5.0, -1.0]])
    assert torch.allclose(found, lifted.softmax(dim=1))


def test_a_higher_temperature_spreads_more():
    sharp, soft = (teach([[0], [1]], temperature=value)([0]) for value in (0.5, 2.0))
    assert sharp.max() > soft.max()
    assert float(sharp.sum()) == pytest.approx(1)


def test_without_a_scorer_the_known_passages_share_all():
    assert teach([[0], [1, 3]], scores=None)([0, 1]).tolist() == [[1, 0, 0, 0], [0, 0.5, 0, 0.5]]
