from itertools import permutations

from embedtune.ui.pooling import pool

LISTS = [["a", "b", "c"], ["c", "d", "e"], []]


def test_a_pool_is_the_first_of_every_list_once():
    assert sorted(pool("q", LISTS, 2)) == ["a", "b", "c", "d"]
    assert sorted(pool("q", LISTS, 9)) == ["a", "b", "c", "d", "e"]


def test_the_order_knows_neither_system_nor_rank():
    orders = {tuple(pool("q", [list(lists) for lists in order], 3)) for order in permutations(LISTS)}
    assert orders == {tuple(pool("q", [["e", "c", "a", "d", "b"]], 5))}
    assert pool("q", LISTS, 3) != pool("another query", LISTS, 3) or pool("q", LISTS, 3) != pool("third", LISTS, 3)
    assert len({tuple(pool("q", LISTS, 3, seed=seed)) for seed in range(10)}) > 5


def test_the_first_place_falls_to_each_alike():
    names = [f"p{number}" for number in range(4)]
    first = [pool(f"q{number}", [names], 4)[0] for number in range(2000)]
    assert all(400 < first.count(name) < 600 for name in names)


def test_a_further_list_moves_nothing():
    before = pool("q", LISTS, 3)
    after = pool("q", [*LISTS, ["x", "y"]], 3)
    assert [name for name in after if name in before] == before
