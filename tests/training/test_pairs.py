from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader

from embedtune.training.pairs import Pair, build_pairs, conflict_keys, make_batches, plan_epochs, plan_rows
from embedtune.types import Passage, Query

TEXT = "Fill the tank with cold water. The pump starts by itself. Rinse the bowl twice."
TITLE = "Brava 3 › Tank"


def passage(document: str = "a.md", title: str = TITLE, text: str = TEXT, name: str = "p") -> Passage:
    return Passage(name, document, title, text, 0, len(text))


def pair(
    query: str, kind: str, *, windows: list[str] | None = None, title: str = TITLE, sentence_dropout: float = 0.0
) -> str:
    """Return the positive of one query."""
    one = passage(title=title)
    pairs = build_pairs(
        [Query("q", query, kind)],
        {"q": [0]},
        [one],
        [windows or [one.full_text]],
        sentence_dropout=sentence_dropout,
        seed=0,
    )
    assert [(p.query_id, p.passage, p.anchor) for p in pairs] == [("q", 0, query)]
    return pairs[0].positive


def test_query_is_paired_with_each_of_its_passages():
    passages = [passage(name=name) for name in ("p0", "p1", "p2")]
    queries = [Query("q1", "pump", "span"), Query("q2", "tank", "source")]
    pairs = build_pairs(
        queries, {"q1": [2], "q2": [0, 1]}, passages, [["w0"], ["w1"], ["w2"]], sentence_dropout=0, seed=0
    )
    assert pairs == [Pair("q1", 2, "pump", "w2"), Pair("q2", 0, "tank", "w0"), Pair("q2", 1, "tank", "w1")]


def test_window_with_most_words_of_the_query_is_taken():
    assert pair("rinse bowl", "span", windows=["Fill the tank.", "Rinse the bowl.", "A bowl."]) == "Rinse the bowl."


def test_first_of_equal_windows_is_taken():
    assert pair("espresso", "span", windows=["Fill.", "Rinse."]) == "Fill."


def test_heading_is_paired_with_a_window_that_does_not_show_it():
    assert pair("Tank", "heading") == TEXT


@pytest.mark.parametrize("kind", ["span", "keyphrase", "sentence", "source"])
def test_other_kinds_keep_the_title(kind):
    assert pair("tank water", kind) == f"{TITLE}\n{TEXT}"


def test_heading_of_a_passage_without_title_keeps_the_text():
    assert pair("Tank", "heading", title="") == TEXT


def test_sentence_that_the_query_came_from_is_removed():
    assert (
        pair("pump starts", "span", sentence_dropout=1.0)
        == f"{TITLE}\nFill the tank with cold water. Rinse the bowl twice."
    )


def test_query_of_the_source_keeps_its_passage_whole():
    assert pair("pump starts", "source", sentence_dropout=1.0) == f"{TITLE}\n{TEXT}"


def test_nothing_is_removed_when_less_than_half_would_stay():
    windows = ["Short one. This very long sentence about the pump is most of the text."]
    assert pair("pump", "span", windows=windows, sentence_dropout=1.0) == windows[0]


def test_single_sentence_stays():
    assert (
        pair("pump", "span", windows=["The pump starts by itself"], sentence_dropout=1.0) == "The pump starts by itself"
    )


def test_japanese_sentence_is_removed():
    windows = ["水を入れてください。電源を押してください。"]
    assert pair("電源を押す", "span", windows=windows, sentence_dropout=1.0) in ("水を入れてください。", windows[0])
    windows = ["タンクに冷たい水を入れてください。電源を押す。"]
    assert pair("電源を押す", "span", windows=windows, sentence_dropout=1.0) == "タンクに冷たい水を入れてください。"


@pytest.mark.parametrize(("sentence_dropout", "least", "most"), [(0.0, 0, 0), (0.5, 80, 120), (1.0, 200, 200)])
def test_share_of_removals_is_as_wanted(sentence_dropout, least, most):
    queries = [Query(f"q{number}", "pump starts", "span") for number in range(200)]
    positives = {query.query_id: [0] for query in queries}
    pairs = build_pairs(queries, positives, [passage()], [[TEXT]], sentence_dropout=sentence_dropout, seed=3)
    assert len(pairs) == 200
    assert least <= sum("pump" not in p.positive for p in pairs) <= most


def test_seed_decides_which_positives_lose_a_sentence():
    queries = [Query(f"q{number}", "pump starts", "span") for number in range(40)]
    positives = {query.query_id: [0] for query in queries}
    first, again, other = (
        build_pairs(queries, positives, [passage()], [[TEXT]], sentence_dropout=0.5, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def conflicts(passages: list[Passage], same: dict[str, int]) -> list[tuple[int, int]]:
    keys = conflict_keys(passages, same)
    assert len(keys) == len(passages)
    return [(a, b) for a, b in combinations(range(len(keys)), 2) if keys[a] & keys[b]]


def test_neighbours_of_a_document_conflict_and_others_do_not():
    passages = [passage(document, name=f"p{number}") for number, document in enumerate("aaabb")]
    assert conflicts(passages, {f"p{number}": number for number in range(5)}) == [(0, 1), (1, 2), (3, 4)]


def test_passages_that_say_the_same_conflict():
    passages = [passage(document, name=f"p{number}") for number, document in enumerate("abcd")]
    assert conflicts(passages, {"p0": 0, "p1": 1, "p2": 0, "p3": 2}) == [(0, 2)]


def test_passage_conflicts_with_itself():
    (keys,) = conflict_keys([passage()], {"p": 0})
    assert keys


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
    plan = plan_epochs([frozenset({n}) for n in range(4)], 2, 2, 0)
    assert len(plan) == 2
    batches = [batch.tolist() for batch in DataLoader([10, 11, 12, 13], batch_sampler=plan)]
    assert batches == [[10 + row for row in rows] for rows in plan]


def test_few_rows_are_one_batch_an_epoch():
    planned = plan_rows([3, 9, 1], batch_size=32, epochs=2, seed=0)
    assert [sorted(batch) for batch in planned] == [[0, 1, 2], [0, 1, 2]]
