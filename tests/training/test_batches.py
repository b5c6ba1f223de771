from __future__ import annotations

from collections import Counter
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from embedtune.training.batches import BatchPlan, make_batches, plan_epochs

# numbers of passages and groups, and texts of queries
anything = st.one_of(st.integers(0, 30), st.sampled_from(["descale", "refund", "tank", ("span", 3)]))
keys = st.lists(st.frozensets(anything, min_size=1, max_size=3), max_size=60)


def free(n: int) -> list[frozenset[int]]:
    """Make rows that conflict with no other."""
    return [frozenset({number}) for number in range(n)]


@given(keys=keys, batch_size=st.integers(2, 8), seed=st.integers(0, 1000))
def test_batches_are_full_and_hold_no_common_key(keys, batch_size, seed):
    batches = make_batches(keys, batch_size, seed)
    assert [len(batch) for batch in batches] == [batch_size] * len(batches)
    assert [(a, b) for batch in batches for a, b in combinations(batch, 2) if keys[a] & keys[b]] == []
    assert max(Counter(row for batch in batches for row in batch).values(), default=1) == 1


def test_rows_without_conflicts_fill_all_batches():
    batches = make_batches(free(70), 32, 0)
    assert len(batches) == 2
    assert len({row for batch in batches for row in batch}) == 64


def test_rows_that_conflict_are_dealt_to_different_batches():
    # two rows of each of eight keys: each batch of eight holds every key once
    batches = make_batches([frozenset({number // 2}) for number in range(16)], 8, 0)
    assert [sorted(row // 2 for row in batch) for batch in batches] == [list(range(8))] * 2


def test_keys_may_be_of_any_kind():
    # two queries, each with the passages 1 to 4: rows may share neither
    rows = [frozenset({passage, query}) for query in ("descale", "refund") for passage in (1, 2, 3, 4)]
    batches = make_batches(rows, 2, 0)
    assert len(batches) == 4
    assert [len(rows[a] | rows[b]) for a, b in batches] == [4] * 4
    assert make_batches(rows, 3, 0) == []


def test_too_few_rows_or_only_conflicts_give_no_batch():
    assert make_batches(free(3), 4, 0) == []
    assert make_batches([frozenset({7})] * 20, 2, 0) == []


def test_seed_decides_the_order():
    assert make_batches(free(40), 8, 1) == make_batches(free(40), 8, 1)
    assert make_batches(free(40), 8, 1) != make_batches(free(40), 8, 2)


def test_steps_go_on_epoch_after_epoch():
    batches = plan_epochs(free(10), 4, 5, 0)
    assert len(batches) == 5
    assert batches[:2] == make_batches(free(10), 4, 0)
    assert batches[2:4] == make_batches(free(10), 4, 1)
    assert batches[0] != batches[2]


def test_no_batch_possible_gives_no_steps():
    assert plan_epochs([frozenset({7})] * 20, 2, 5, 0) == []


def test_torch_takes_the_plan_as_a_batch_sampler():
    plan = BatchPlan([[3, 1], [0, 2]])
    assert len(plan) == 2
    assert [batch.tolist() for batch in DataLoader([10, 11, 12, 13], batch_sampler=plan)] == [[13, 11], [10, 12]]
    assert list(plan) == list(plan) == [[3, 1], [0, 2]]
