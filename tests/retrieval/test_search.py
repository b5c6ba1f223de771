from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.retrieval.fusion import reciprocal_rank, z_score_sum
from embedtune.retrieval.search import (
    Units,
    dense_blocks,
    dense_run,
    fused_runs,
    lexical_run,
    reranked_run,
    units_of,
)
from embedtune.retrieval.windows import Windows
from embedtune.types import Passage

PASSAGES = [Passage(f"p{number}", document, "", "x", 0, 1) for number, document in enumerate("aabccc")]
# p0 has two windows, p3 three, the others one
STARTS = np.array([0, 2, 3, 4, 7, 8])
WINDOWS = Windows(list("ABCDEFGHI"), STARTS)


def matrix(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def test_passages_as_units_are_all_passages():
    units = units_of(PASSAGES, "passage")
    assert units.ids == ["p0", "p1", "p2", "p3", "p4", "p5"]
    assert units.first_passage.tolist() == [0, 1, 2, 3, 4, 5]


def test_documents_as_units_start_at_their_first_passage():
    units = units_of(PASSAGES, "document")
    assert units.ids == ["a", "b", "c"]
    assert units.first_passage.tolist() == [0, 2, 3]


def test_dense_run_scores_a_passage_as_its_best_window():
    vectors = matrix(*([value] for value in (1, 5, 2, 3, 4, 9, 0, 7, 6)))
    run = dense_run(["q"], matrix([1]), vectors, windows=WINDOWS, units=units_of(PASSAGES, "passage"), depth=3)
    assert run == {"q": {"p3": 9.0, "p4": 7.0, "p5": 6.0}}


def test_dense_run_scores_a_document_as_its_best_passage():
    vectors = matrix(*([value] for value in (1, 5, 2, 3, 4, 9, 0, 7, 6)))
    run = dense_run(["q"], matrix([1]), vectors, windows=WINDOWS, units=units_of(PASSAGES, "document"), depth=100)
    assert run == {"q": {"c": 9.0, "a": 5.0, "b": 3.0}}


def test_lexical_run_leaves_out_passages_without_a_common_term():
    lexical = matrix([0, 2, 0, 1, 0, 3], [0, 0, 0, 0, 0, 0])
    run = lexical_run(["q1", "q2"], lexical, units_of(PASSAGES, "passage"), 100)
    assert run == {"q1": {"p1": 2.0, "p3": 1.0, "p5": 3.0}, "q2": {}}


def test_lexical_run_stops_at_its_depth():
    lexical = matrix([1, 2, 3, 4, 5, 6])
    assert lexical_run(["q"], lexical, units_of(PASSAGES, "passage"), 2) == {"q": {"p5": 6.0, "p4": 5.0}}
    assert lexical_run(["q"], lexical, units_of(PASSAGES, "document"), 2) == {"q": {"c": 6.0, "b": 3.0}}


@given(seed=st.integers(0, 10_000), judged_unit=st.sampled_from(["passage", "document"]), depth=st.integers(1, 8))
def test_fused_runs_fuse_passages_and_then_take_the_best_of_each_unit(seed, judged_unit, depth):
    draw = np.random.default_rng(seed)
    vectors, queries = draw.normal(size=(9, 3)).astype(np.float32), draw.normal(size=(4, 3)).astype(np.float32)
    lexical = (draw.permutation(24).reshape(4, 6) - 8).clip(0).astype(np.float32)
    units = units_of(PASSAGES, judged_unit)
    names = [p.passage_id if judged_unit == "passage" else p.document_id for p in PASSAGES]
    dense = WINDOWS.best(queries @ vectors.T)
    fused = (z_score_sum(dense, lexical, 0.6), reciprocal_rank(dense, lexical))
    runs = fused_runs(
        list("wxyz"), queries, vectors, windows=WINDOWS, lexical=lexical, units=units, depth=depth, weight=0.6
    )
    for run, scores in zip(runs[:2], fused, strict=True):
        assert list(run) == list("wxyz")
        for found, row in zip(run.values(), scores.tolist(), strict=True):
            best = {name: max(s for s, n in zip(row, names, strict=True) if n == name) for name in units.ids}
            assert sorted(found.values(), reverse=True) == pytest.approx(sorted(best.values(), reverse=True)[:depth])
            assert found == pytest.approx({name: best[name] for name in found})


def test_blocks_cover_all_queries_in_order():
    queries = np.arange(600, dtype=np.float32).reshape(600, 1)
    windows = Windows(["A", "B", "C"], np.array([0, 2]))
    vectors = matrix([1], [2], [-1])
    blocks = list(dense_blocks(queries, vectors, windows))
    assert [start for start, _ in blocks] == [0, 256, 512]
    assert np.concatenate([scores for _, scores in blocks]).tolist() == [[2.0 * n, -1.0 * n] for n in range(600)]


def test_many_queries_get_their_own_lexical_scores():
    n = 300
    lexical = np.zeros((n, 2), dtype=np.float32)
    lexical[np.arange(n), np.arange(n) % 3 % 2] = 1
    summed, ranked, _ = fused_runs(
        [str(number) for number in range(n)],
        np.ones((n, 1), dtype=np.float32),
        matrix([1], [1]),
        windows=Windows(["A", "B"], np.arange(2)),
        lexical=lexical,
        units=Units(["a", "b"], np.arange(2)),
        depth=1,
        weight=0.5,
    )
    assert [list(run) for run in summed.values()] == [["ab"[number % 3 % 2]] for number in range(n)]
    assert len(ranked) == n


def fuse(judged_unit: str, n_best: int):
    lexical = matrix([6, 5, 4, 3, 2, 1])
    units = units_of(PASSAGES, judged_unit)
    found = fused_runs(
        ["q"], matrix([1]), np.ones((9, 1), dtype=np.float32), windows=WINDOWS, lexical=lexical, units=units, depth=100,
        weight=0.5, n_best=n_best,
    )  # fmt: skip
    return found, units


@pytest.mark.parametrize("n", [1, 2, 6, 50])
def test_the_best_passages_of_a_fusion_are_named(n):
    found, units = fuse("passage", n)
    (best,) = found.best
    assert best.passages == [0, 1, 2, 3, 4, 5][:n]
    assert best.scores.tolist() == pytest.approx([found.summed["q"][units.ids[each]] for each in best.passages])


def test_none_are_named_unless_asked_for():
    assert fuse("passage", 0)[0].best == []


def test_the_best_are_reranked_and_the_others_follow():
    found, units = fuse("passage", 3)
    run = reranked_run(["q"], found.summed, found.best, [{0: 0.1, 1: 0.2, 2: 0.9}], units, 0.7)
    order = sorted(run["q"], key=lambda name: -run["q"][name])
    assert order == ["p0", "p2", "p1", "p3", "p4", "p5"]
    assert found.summed["q"].keys() == run["q"].keys()


def test_a_document_is_reranked_by_its_best_passage():
    found, units = fuse("document", 5)
    run = reranked_run(["q"], found.summed, found.best, [{0: 0.1, 1: 0.2, 2: 0.1, 3: 0.1, 4: 0.9}], units, 0.7)
    assert sorted(run["q"], key=lambda name: -run["q"][name]) == ["a", "c", "b"]


def test_equal_matches_keep_the_order():
    found, units = fuse("passage", 6)
    run = reranked_run(["q"], found.summed, found.best, [dict.fromkeys(range(6), 0.5)], units, 0.7)
    assert sorted(run["q"], key=lambda name: -run["q"][name]) == ["p0", "p1", "p2", "p3", "p4", "p5"]
