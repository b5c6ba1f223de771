from __future__ import annotations

import random
from collections import Counter
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.documents.near_duplicates import group_near_duplicates
from embedtune.documents.splits import (
    MIN_GROUPS,
    draw_for_dev,
    join_by_document,
    section_bounds,
    shares_for,
    split_by_document,
    split_passages,
)
from embedtune.errors import ConfigError, DataError
from embedtune.types import SPLITS, Document, Passage, Query, QuerySet

SHARES = {"train": 0.8, "dev": 0.1, "test": 0.1}


def make_passages(sizes: list[int]) -> list[Passage]:
    """Make documents of so many passages each."""
    return [
        Passage(f"p-{number}-{part}", f"d{number}", "", "x", part, part + 1)
        for number, size in enumerate(sizes)
        for part in range(size)
    ]


def singles(sizes: list[int]) -> list[list[str]]:
    return [[f"d{number}"] for number in range(len(sizes))]


def unlike(passages: list[Passage]) -> dict[str, int]:
    """Number the passages: no two say the same."""
    return {passage.passage_id: number for number, passage in enumerate(passages)}


@given(
    sizes=st.lists(st.integers(1, 12), min_size=30, max_size=60),
    joined=st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=9),
    seed=st.integers(0, 1000),
)
def test_no_group_of_documents_is_on_two_sides(sizes, joined, seed):
    group_of = list(range(len(sizes)))
    for a, b in joined:
        group_of = [group_of[a] if number == group_of[b] else number for number in group_of]
    groups = [[f"d{d}" for d, number in enumerate(group_of) if number == group] for group in dict.fromkeys(group_of)]
    assert len(groups) >= MIN_GROUPS
    passages = make_passages(sizes)
    split = split_passages(passages, groups, unlike(passages), SHARES, seed)
    assert split.unit == "document"
    assert split.of_passage.keys() == {passage.passage_id for passage in passages}
    sides = {
        index: {split.of_passage[passage.passage_id] for passage in passages if passage.document_id in group}
        for index, group in enumerate(groups)
    }
    assert {len(side) for side in sides.values()} == {1}


@pytest.mark.parametrize("seed", range(5))
def test_shares_are_met(seed):
    sizes = [1 + number % 7 for number in range(100)]
    passages = make_passages(sizes)
    split = split_passages(passages, singles(sizes), unlike(passages), SHARES, seed)
    counts = Counter(split.of_passage.values())
    assert len(passages) == 395
    assert counts["dev"] == pytest.approx(39.4, abs=3)
    assert counts["test"] == pytest.approx(39.4, abs=3)


@pytest.mark.parametrize("seed", range(5))
def test_document_too_big_for_dev_and_test_goes_to_train(seed):
    sizes = [200, *[1] * 100]
    passages = make_passages(sizes)
    split = split_passages(passages, singles(sizes), unlike(passages), SHARES, seed)
    counts = Counter(split.of_passage.values())
    assert split.of_passage["p-0-0"] == "train"
    assert counts["train"] >= 240
    assert min(counts["dev"], counts["test"]) >= 10


def test_share_of_zero_gets_nothing():
    sizes = [2] * 50
    passages, shares = make_passages(sizes), {"train": 0.9, "dev": 0.1, "test": 0.0}
    split = split_passages(passages, singles(sizes), unlike(passages), shares, 0)
    assert Counter(split.of_passage.values()) == {"train": 90, "dev": 10}


def test_twenty_documents_are_enough_to_split_by_document():
    for number, unit in ((MIN_GROUPS, "document"), (MIN_GROUPS - 1, "section")):
        sizes = [3] * number
        passages = make_passages(sizes)
        split = split_passages(passages, singles(sizes), unlike(passages), SHARES, 0)
        assert split.unit == unit
        assert set(split.of_passage.values()) == set(SPLITS)


@pytest.mark.parametrize("size", [60, 600])
def test_seed_decides(size):
    sizes = [size // 30] * 30
    passages = make_passages(sizes)
    for groups in (singles(sizes), [["d0"]]):
        first, again, other = (split_passages(passages, groups, unlike(passages), SHARES, seed) for seed in (1, 1, 2))
        assert first == again
        assert first != other


def test_real_documents_are_split_by_document(documents, passages):
    split = split_passages(passages, group_near_duplicates(documents), unlike(passages), SHARES, 0)
    sides: dict[str, set[str]] = {}
    for passage in passages:
        sides.setdefault(passage.document_id, set()).add(split.of_passage[passage.passage_id])
    assert split.unit == "document"
    assert len(sides) == 26
    assert Counter(side for (side,) in sides.values())["dev"] in (2, 3)


@given(n=st.integers(40, 300), seed=st.integers(0, 1000))
def test_sections_are_apart_by_one_passage(n, seed):
    passages = make_passages([n])
    split = split_passages(passages, [["d0"]], unlike(passages), SHARES, seed)
    sides = [split.of_passage.get(passage.passage_id) for passage in passages]
    assert split.unit == "section"
    assert [(a, b) for a, b in pairwise(sides) if a and b and a != b] == []
    runs = [side for side, before in zip(sides, [None, *sides], strict=False) if side and side != before]
    assert set(runs) == set(SPLITS)
    # dev and test are two blocks of twenty each, so the side changes at most eight times
    assert sides.count(None) == sum(a is None and b is not None for a, b in pairwise(sides)) <= 8


def test_sections_have_the_wanted_shares():
    passages = make_passages([400])
    split = split_passages(passages, [["d0"]], unlike(passages), SHARES, 3)
    counts = Counter(split.of_passage.values())
    assert 36 <= counts["dev"] <= 40
    assert 36 <= counts["test"] <= 40


@pytest.mark.parametrize("n", [1, 2, 3, 10, 20])
def test_few_passages_are_split_all_the_same(n):
    passages = make_passages([n])
    split = split_passages(passages, [["d0"]], unlike(passages), SHARES, 0)
    assert set(split.of_passage.values()) <= set(SPLITS)
    assert "train" in split.of_passage.values()


@given(n=st.integers(1, 80), seed=st.integers(0, 1000))
def test_sections_have_at_least_three_passages(n, seed):
    passages = make_passages([n])
    split = split_passages(passages, [["d0"]], unlike(passages), SHARES, seed)
    sides = [split.of_passage.get(passage.passage_id) for passage in passages]
    runs = [(side, len(list(members))) for side, members in groupby(sides)]
    # the first section is whole, later ones give up one passage where the side changes
    assert [run for run in runs[1:] if run[0] and run[1] < 2] == []
    assert runs[0][1] >= min(n, 3)
    assert [length for side, length in runs if side is None] == [1] * sides.count(None)
    assert set(filter(None, sides)) == (set(SPLITS) if n >= 9 else set(SPLITS[: max(1, n // 3)]))
    assert sides.count(None) <= max(0, min(20, n // 3) - 1)


def test_no_passages_give_an_empty_split():
    assert split_passages([], [["d0"]], {}, SHARES, 0).of_passage == {}


@given(n=st.sampled_from([1, 24]), seed=st.integers(0, 1000), n_same=st.integers(1, 60))
def test_training_passage_that_says_the_same_as_one_of_dev_or_test_is_in_no_split(n, seed, n_same):
    passages = make_passages([120 // n] * n)
    groups = singles([0] * n)
    apart = split_passages(passages, groups, unlike(passages), SHARES, seed)
    draw = random.Random(seed)
    same = {passage.passage_id: draw.randrange(n_same) for passage in passages}
    split = split_passages(passages, groups, same, SHARES, seed)
    tested = {same[name] for name, side in apart.of_passage.items() if side in ("dev", "test")}
    # dev and test stay as they were; train loses what they hold too, and nothing else
    assert split.of_passage == {
        name: side for name, side in apart.of_passage.items() if side != "train" or same[name] not in tested
    }
    assert split.unit == apart.unit == ("document" if n == 24 else "section")
    assert {"dev", "test"} <= set(split.of_passage.values())


def test_copies_on_one_side_stay_there():
    passages = make_passages([2] * 30)
    apart = split_passages(passages, singles([2] * 30), unlike(passages), SHARES, 0)
    # all passages of a side say the same
    same = {name: SPLITS.index(side) for name, side in apart.of_passage.items()}
    assert split_passages(passages, singles([2] * 30), same, SHARES, 0) == apart


def test_one_copy_in_dev_takes_its_copies_from_train():
    passages = make_passages([2] * 30)
    apart = split_passages(passages, singles([2] * 30), unlike(passages), SHARES, 0)
    in_dev = next(name for name, side in apart.of_passage.items() if side == "dev")
    in_train = [name for name, side in apart.of_passage.items() if side == "train"][3:5]
    split = split_passages(
        passages, singles([2] * 30), unlike(passages) | dict.fromkeys([in_dev, *in_train], 99), SHARES, 0
    )
    assert apart.of_passage.items() - split.of_passage.items() == {(name, "train") for name in in_train}
    assert split.of_passage[in_dev] == "dev"


def test_sections_are_twenty_at_most_and_hold_three_passages_at_least():
    assert section_bounds(0) == [0, 0]
    assert section_bounds(5) == [0, 5]
    assert section_bounds(7) == [0, 4, 7]
    assert [len(section_bounds(number)) - 1 for number in (59, 60, 4000)] == [19, 20, 20]
    assert section_bounds(4000)[:3] == [0, 200, 400]


def told_apart(n_documents: int, per_document: int = 2) -> list[Passage]:
    return [
        Passage(
            f"p{document}-{number}",
            f"d{document}",
            "",
            f"Pump {document} of hall {number} runs {document * 7} hours",
            0,
            9,
        )
        for document in range(n_documents)
        for number in range(per_document)
    ]


def test_plain_passages_are_split_by_document():
    passages = told_apart(40)
    split = split_by_document(passages, {"train": 0.5, "dev": 0.25, "test": 0.25}, seed=1)
    assert split.unit == "document"
    assert Counter(split.of_passage.values()) == {"train": 40, "dev": 20, "test": 20}
    assert all(split.of_passage[f"p{n}-0"] == split.of_passage[f"p{n}-1"] for n in range(40))
    assert split_by_document(passages, {"train": 0.5, "dev": 0.25, "test": 0.25}, seed=2) != split


def test_a_copied_document_is_on_the_side_of_its_original():
    passages = told_apart(40)
    copies = [passage._replace(passage_id=f"c{passage.passage_id}", document_id="copy") for passage in passages[:2]]
    for seed in range(5):
        split = split_by_document([*passages, *copies], seed=seed)
        assert {split.of_passage[name] for name in ("p0-0", "p0-1", "cp0-0", "cp0-1")} == {split.of_passage["p0-0"]}


@pytest.mark.parametrize("shares", [{"train": 0.5, "dev": 0.5}, {"train": 0.5, "dev": 0.1, "test": 0.1}])
def test_shares_that_do_not_sum_to_one_are_refused(shares):
    with pytest.raises(ConfigError, match="shares of train, dev, test that sum to 1"):
        split_by_document(told_apart(2), shares)


def test_nothing_cannot_be_split():
    with pytest.raises(DataError, match="at least one"):
        split_by_document([])


def test_passages_are_joined_to_documents():
    assert list(join_by_document(told_apart(1))) == [
        Document("d0", "", "Pump 0 of hall 0 runs 0 hours\n\nPump 0 of hall 1 runs 0 hours")
    ]


@pytest.mark.parametrize(("n_train", "n_dev", "n_drawn"), [(100, 5, 5), (100, 30, 10), (9, 1, 0)])
def test_as_many_labelled_queries_are_drawn_for_dev_as_it_has(n_train, n_dev, n_drawn):
    def labelled(name, n, kind):
        queries = [Query(f"{name}-{kind}-{number}", "what?", kind) for number in range(n)]
        return QuerySet(name, queries, {query.query_id: {"p": 1} for query in queries}, "passage")

    own, synthetic = labelled("train", n_train, "source"), labelled("train", 50, "span")
    train = QuerySet("train", own.queries + synthetic.queries, {**own.qrels, **synthetic.qrels}, "passage")
    left, dev = draw_for_dev(train, labelled("dev", n_dev, "source"), seed=0)
    drawn = {query.query_id for query in dev.queries} & train.qrels.keys()
    assert len(drawn) == n_drawn and len(dev.queries) == len(dev.qrels) == n_dev + n_drawn
    assert drawn.isdisjoint(left.qrels) and drawn | left.qrels.keys() == train.qrels.keys()
    assert all(name.startswith("train-source") for name in drawn)


@pytest.mark.parametrize(("n_groups", "test", "dev"), [(20, 6, 4), (42, 12, 6), (119, 12, 12), (500, 50, 50)])
def test_few_documents_have_larger_shares_of_test_and_dev(n_groups, test, dev):
    shares = shares_for(n_groups)
    assert sum(shares.values()) == pytest.approx(1)
    assert int(shares["test"] * n_groups + 0.5) == test
    assert int(shares["dev"] * n_groups + 0.5) == dev
