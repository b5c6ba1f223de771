from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from embedtune.training.losses import (
    CorpusDistillationLoss,
    FrozenPassages,
    SoftTeacher,
    distillation_loss,
    popularity_shift,
)

SCORES = np.array([[2.0, 0.0, -1.0, -1.0], [0.0, 1.0, 0.0, -1.0]], dtype=np.float32)


def teach(relevant, *, scores=SCORES, positive_boost=0.0, temperature=1.0):
    scorer = None if scores is None else lambda rows: scores[list(rows)]
    return SoftTeacher(
        relevant=[passages if isinstance(passages, dict) else dict.fromkeys(passages, 1.0) for passages in relevant],
        n_passages=4,
        scores=scorer,
        positive_boost=positive_boost,
        temperature=temperature,
    )


def test_each_row_is_the_softmax_of_the_scores():
    found = teach([[0], [1]])([1, 0])
    assert torch.allclose(found, torch.from_numpy(SCORES[[1, 0]]).softmax(dim=1))


def test_known_passages_are_lifted_by_the_bonus():
    found = teach([[3], [1, 2]], positive_boost=5.0)([0, 1])
    assert found.argmax(dim=1).tolist() == [3, 1]
    lifted = torch.tensor([[2.0, 0.0, -1.0, 4.0], [0.0, 6.0, 5.0, -1.0]])
    assert torch.allclose(found, lifted.softmax(dim=1))


def test_a_lower_grade_is_lifted_less_and_gets_a_smaller_share():
    lifted = teach([{1: 1.0, 2: 0.5}, {0: 1.0}], positive_boost=4.0)([0])
    assert torch.allclose(lifted, torch.tensor([[2.0, 4.0, 1.0, -1.0]]).softmax(dim=1))
    assert teach([{1: 1.0, 2: 0.5}, {0: 1.0}], scores=None)([0])[0].tolist() == pytest.approx([0, 2 / 3, 1 / 3, 0])


def test_a_higher_temperature_spreads_more():
    sharp, soft = (teach([[0], [1]], temperature=value)([0]) for value in (0.5, 2.0))
    assert sharp.max() > soft.max()
    assert float(sharp.sum()) == pytest.approx(1)


def test_without_a_scorer_the_known_passages_share_all():
    assert teach([[0], [1, 3]], scores=None)([0, 1]).tolist() == [[1, 0, 0, 0], [0, 0.5, 0, 0.5]]


class Lookup(torch.nn.Module):
    """Stands for a query encoder: a row of a table is the vector of a query."""

    def __init__(self, rows: torch.Tensor) -> None:
        super().__init__()
        self.table = torch.nn.Parameter(rows)

    def forward(self, features):
        return {"sentence_embedding": self.table[features["rows"]]}


def unit(seed: int, *shape: int) -> torch.Tensor:
    return functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=6), seed=st.integers(0, 99))
def test_a_passage_scores_as_its_best_window_and_only_that_gets_a_gradient(sizes, seed):
    vectors, queries = unit(seed, sum(sizes), 5), unit(seed + 100, 3, 5).requires_grad_()
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    found = FrozenPassages(vectors, starts).cosines(queries)
    parts = (queries @ vectors.T).split(sizes, dim=1)
    expected = torch.stack([part.max(dim=1).values for part in parts], dim=1)
    assert torch.equal(found, expected)
    weights = torch.randn(found.shape, generator=torch.Generator().manual_seed(seed))
    (gradient,) = torch.autograd.grad((found * weights).sum(), queries)
    (other,) = torch.autograd.grad((expected * weights).sum(), queries)
    assert torch.allclose(gradient, other, atol=1e-6)


def test_the_loss_is_zero_where_the_student_has_the_teachers_order():
    cosines = torch.tensor([[0.9, 0.1, -0.3]])
    assert float(distillation_loss(cosines, (cosines / 0.05).softmax(dim=1), 0.05)) == pytest.approx(0, abs=1e-6)
    assert float(distillation_loss(cosines, torch.tensor([[0.0, 0.0, 1.0]]), 0.05)) > 1


def test_training_the_queries_finds_what_the_teacher_wants():
    vectors = unit(0, 6, 8)
    targets = torch.eye(6)[[3, 5]]
    model = Lookup(unit(1, 2, 8))
    loss = CorpusDistillationLoss(
        model, FrozenPassages(vectors, range(6)), lambda rows: targets[rows], temperature=0.05
    )
    optimizer = torch.optim.Adam(loss.parameters(), lr=0.1)
    for _ in range(60):
        optimizer.zero_grad()
        loss([{"rows": torch.tensor([0, 1])}], torch.tensor([0, 1])).backward()
        optimizer.step()
    assert (functional.normalize(model.table, dim=-1) @ vectors.T).argmax(dim=1).tolist() == [3, 5]


@pytest.mark.parametrize("mini_batch", [1, 2, 3])
def test_mini_batches_give_the_loss_and_the_gradients_of_the_whole_batch(mini_batch):
    vectors, table, targets = unit(0, 7, 8), unit(1, 4, 8), torch.eye(7)[:4]
    outcomes = []
    for size in (None, mini_batch):
        model = Lookup(table.clone())
        loss = CorpusDistillationLoss(
            model,
            FrozenPassages(vectors, [0, 2, 3, 6]),
            lambda rows: targets[rows][:, :4],
            base_queries=unit(2, 4, 8),
            temperature=0.05,
            hubness_weight=2.0,
            mini_batch_size=size,
        )
        value = loss([{"rows": torch.arange(4)}], torch.arange(4))
        value.backward()
        outcomes.append((float(value), model.table.grad))
    assert outcomes[0][0] == pytest.approx(outcomes[1][0], rel=1e-5)
    assert torch.allclose(outcomes[0][1], outcomes[1][1], atol=1e-5)


def test_passages_may_be_vectors_as_encode_returns_them():
    with torch.inference_mode():
        vectors = unit(0, 6, 8)
    model = Lookup(unit(1, 2, 8))
    loss = CorpusDistillationLoss(model, FrozenPassages(vectors, range(6)))
    loss([{"rows": torch.tensor([0, 1])}], torch.eye(6)[[3, 5]]).backward()
    assert model.table.grad.abs().sum() > 0


def test_a_shift_of_all_queries_alike_is_counted_and_one_that_evens_out_is_not():
    passages, base = FrozenPassages(unit(0, 9, 8), range(9)), unit(1, 4, 8)
    step = 0.1 * unit(2, 1, 8)
    assert float(popularity_shift(base, base, passages, 0.05)) == 0
    assert float(popularity_shift(base + step, base, passages, 0.05)) > 0.1
    evened = base + torch.cat([step, -step, step, -step])
    assert float(popularity_shift(evened, base, passages, 0.05)) == pytest.approx(0, abs=1e-9)


def test_labels_may_be_the_distributions_themselves():
    passages, targets, model = FrozenPassages(unit(0, 6, 8), range(6)), torch.eye(6)[[3, 5]], Lookup(unit(1, 2, 8))
    features = [{"rows": torch.tensor([0, 1])}]
    by_row = CorpusDistillationLoss(model, passages, lambda rows: targets[rows])(features, torch.tensor([0, 1]))
    assert CorpusDistillationLoss(model, passages)(features, targets).item() == by_row.item()


def test_hubness_is_measured_against_the_base():
    with pytest.raises(ValueError, match="base_queries"):
        CorpusDistillationLoss(Lookup(unit(1, 2, 8)), FrozenPassages(unit(0, 6, 8), range(6)), hubness_weight=1.0)


@pytest.mark.parametrize("scores", [SCORES, None])
def test_a_passage_that_is_left_out_is_neither_taught_nor_pushed_away(scores):
    teacher = replace(teach([[1], [2]], scores=scores), left_out=[[0], []])
    targets = teacher([0, 1])
    assert targets[0, 0] == -1
    assert torch.allclose(targets.clamp(min=0).sum(dim=1), torch.ones(2))
    cosines = torch.zeros(2, 4, requires_grad=True)
    distillation_loss(cosines, targets, 1.0).backward()
    assert cosines.grad[0, 0] == 0
    assert (cosines.grad[1] != 0).all()
