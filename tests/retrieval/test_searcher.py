from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.errors import ConfigError
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.fusion import DEFAULT_WEIGHT, Parts, PassageScores, reciprocal_rank, z_score_sum
from embedtune.retrieval.searcher import (
    Found,
    HybridSearcher,
    PassageVectors,
    Searcher,
    Units,
    best_of,
    dense_run,
    reranked_run,
    top_run,
    units_of,
)
from embedtune.retrieval.windows import Windows
from embedtune.systems import find_kind, fused_kinds
from embedtune.types import Passage, Query

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


class Known:
    """A lexical side whose scores are given, by the number that is the query."""

    def __init__(self, scores):
        self._scores = scores

    def scores(self, texts):
        return self._scores[[int(text) for text in texts]]


def search(kinds, units, depth=100, *, lexical=None, queries=None, vectors=None, windows=WINDOWS, **options):
    n = len(queries) if lexical is None else len(lexical)
    names = [str(number) for number in range(n)]
    dense = None if vectors is None else PassageVectors(vectors, windows)
    searcher = Searcher(units, lexical=None if lexical is None else Known(lexical), dense=dense, **options)
    return searcher.runs(names, names, queries, [find_kind(kind) for kind in kinds], depth)


def test_bm25_leaves_out_passages_without_a_common_term():
    lexical = matrix([0, 2, 0, 1, 0, 3], [0, 0, 0, 0, 0, 0])
    run = search(["bm25"], units_of(PASSAGES, "passage"), lexical=lexical)["bm25"]
    assert run == {"0": {"p1": 2.0, "p3": 1.0, "p5": 3.0}, "1": {}}


def test_a_run_stops_at_its_depth():
    lexical = matrix([1, 2, 3, 4, 5, 6])
    assert search(["bm25"], units_of(PASSAGES, "passage"), 2, lexical=lexical)["bm25"] == {"0": {"p5": 6.0, "p4": 5.0}}
    assert search(["bm25"], units_of(PASSAGES, "document"), 2, lexical=lexical)["bm25"] == {"0": {"c": 6.0, "b": 3.0}}


@given(seed=st.integers(0, 10_000), judged_unit=st.sampled_from(["passage", "document"]), depth=st.integers(1, 8))
def test_passages_are_fused_and_then_each_unit_takes_its_best(seed, judged_unit, depth):
    draw = np.random.default_rng(seed)
    vectors, queries = draw.normal(size=(9, 3)).astype(np.float32), draw.normal(size=(4, 3)).astype(np.float32)
    lexical = (draw.permutation(24).reshape(4, 6) - 8).clip(0).astype(np.float32)
    units = units_of(PASSAGES, judged_unit)
    names = [p.passage_id if judged_unit == "passage" else p.document_id for p in PASSAGES]
    dense = WINDOWS.best(queries @ vectors.T)
    expected = {"dense": dense, "hybrid": z_score_sum(dense, lexical, 0.6), "rrf": reciprocal_rank(dense, lexical)}
    runs = search(expected, units, depth, lexical=lexical, queries=queries, vectors=vectors, weight=0.6)
    for kind, scores in expected.items():
        run = runs[kind]
        assert list(run) == list("0123")
        for found, row in zip(run.values(), scores.tolist(), strict=True):
            best = {name: max(s for s, n in zip(row, names, strict=True) if n == name) for name in units.ids}
            assert sorted(found.values(), reverse=True) == pytest.approx(sorted(best.values(), reverse=True)[:depth])
            assert found == pytest.approx({name: best[name] for name in found})


@given(seed=st.integers(0, 10_000), n_passages=st.integers(1, 12), k=st.integers(1, 12))
def test_the_best_windows_are_found_whatever_their_number(seed, n_passages, k):
    draw = np.random.default_rng(seed)
    sizes = draw.integers(1, 5, n_passages)
    starts = np.cumsum([0, *sizes[:-1]])
    vectors, queries = (
        draw.normal(size=(sizes.sum(), 4)).astype(np.float32),
        draw.normal(size=(3, 4)).astype(np.float32),
    )
    units = Units([f"p{number}" for number in range(n_passages)], np.arange(n_passages))
    run = dense_run(list("abc"), queries, vectors, windows=Windows([""] * sizes.sum(), starts), units=units, depth=k)
    for row, found in zip(queries @ vectors.T, run.values(), strict=True):
        best = {
            f"p{n}": row[start : start + size].max() for n, (start, size) in enumerate(zip(starts, sizes, strict=True))
        }
        assert sorted(found.values(), reverse=True) == pytest.approx(sorted(best.values(), reverse=True)[:k])
        assert found == pytest.approx({name: best[name] for name in found})


def test_blocks_cover_all_queries_in_order():
    queries = np.arange(600, dtype=np.float32).reshape(600, 1)
    searcher = Searcher(
        Units(["a", "b"], np.arange(2)),
        dense=PassageVectors(matrix([1], [2], [-1]), Windows(["A", "B", "C"], np.array([0, 2]))),
    )
    blocks = list(searcher.blocks((), queries))
    assert [block.start for block, _ in blocks] == [0, 256, 512]
    found = np.concatenate([scores.dense for _, scores in blocks])
    assert found.tolist() == [[2.0 * n, -1.0 * n] for n in range(600)]


def test_many_queries_get_their_own_lexical_scores():
    n = 300
    lexical = np.zeros((n, 2), dtype=np.float32)
    lexical[np.arange(n), np.arange(n) % 3 % 2] = 1
    found = search(
        ["hybrid", "rrf"],
        Units(["a", "b"], np.arange(2)),
        1,
        lexical=lexical,
        queries=np.ones((n, 1), dtype=np.float32),
        vectors=matrix([1], [1]),
        windows=Windows(["A", "B"], np.arange(2)),
        weight=0.5,
    )
    assert [list(run) for run in found["hybrid"].values()] == [["ab"[number % 3 % 2]] for number in range(n)]
    assert len(found["rrf"]) == n


def fuse(judged_unit: str, n_best: int):
    """Six passages that the model finds equal and BM25 orders."""
    units = units_of(PASSAGES, judged_unit)
    dense, lexical = np.ones((1, 6), dtype=np.float32), matrix([6, 5, 4, 3, 2, 1])
    fused = z_score_sum(dense, lexical, 0.5)
    return top_run(["q"], fused, units, 100), [best_of(fused[0], n_best)], units


@pytest.mark.parametrize("n", [1, 2, 6, 50])
def test_the_best_passages_of_a_fusion_are_named(n):
    run, (best,), units = fuse("passage", n)
    assert best.passages == [0, 1, 2, 3, 4, 5][:n]
    assert best.scores.tolist() == pytest.approx([run["q"][units.ids[each]] for each in best.passages])


def test_the_best_are_reranked_and_the_others_follow():
    found, best, units = fuse("passage", 3)
    run = reranked_run(found, best, [{0: 0.1, 1: 0.2, 2: 0.9}], units, 0.7)
    order = sorted(run["q"], key=lambda name: -run["q"][name])
    assert order == ["p0", "p2", "p1", "p3", "p4", "p5"]
    assert found["q"].keys() == run["q"].keys()


def test_a_document_is_reranked_by_its_best_passage():
    found, best, units = fuse("document", 5)
    run = reranked_run(found, best, [{0: 0.1, 1: 0.2, 2: 0.1, 3: 0.1, 4: 0.9}], units, 0.7)
    assert sorted(run["q"], key=lambda name: -run["q"][name]) == ["a", "c", "b"]


def test_equal_matches_keep_the_order():
    found, best, units = fuse("passage", 6)
    run = reranked_run(found, best, [dict.fromkeys(range(6), 0.5)], units, 0.7)
    assert sorted(run["q"], key=lambda name: -run["q"][name]) == ["p0", "p1", "p2", "p3", "p4", "p5"]


TEXTS = ["fill the tank", "the lamp blinks", "rinse the bowl"]


class Axes:
    """Encodes a text as the axis that its first letter names; each word is a token."""

    window = 100

    def token_offsets(self, text):
        return [(0, len(text))]

    def encode_queries(self, texts, on_progress=None):
        return np.eye(3, dtype=np.float32)[["flr".index(text[0]) if text[0] in "flr" else 1 for text in texts]]

    def encode_documents(self, texts, on_progress=None):
        return np.eye(3, dtype=np.float32)[: len(texts)]

    def encode_query_tokens(self, texts):
        return [self.encode_queries(text.split()) for text in texts]

    encode_document_tokens = encode_query_tokens


def answers(kind, texts, k=3):
    searcher = Searcher(
        Units(["a", "b", "c"], np.arange(3)),
        lexical=BM25(TEXTS),
        dense=PassageVectors(np.eye(3, dtype=np.float32), Windows(TEXTS, np.arange(3))),
        weight=0.5,
    )
    return searcher.answers(texts, Axes().encode_queries(texts), find_kind(kind), k)


def test_words_find_only_what_shares_one():
    assert [[(each.passage_id, each.parts) for each in row] for row in answers("bm25", ["lamp", "piano"])] == [
        [("b", Parts(None, 1))], [],
    ]  # fmt: skip


def test_meaning_ranks_everything():
    assert answers("dense", ["r"], 1) == [[Found("c", 1.0, Parts(1, None))]]


def test_fusion_tells_both_ranks():
    (row,) = answers("rrf", ["f lamp"])
    assert {each.passage_id: each.parts for each in row} == {"a": Parts(1, None), "b": Parts(2, 1), "c": Parts(2, None)}


def test_texts_in_memory_are_searched_by_every_kind():
    searcher = HybridSearcher(TEXTS, Axes(), weight=0.7)
    for kind in ("bm25", "dense", *(each.name for each in fused_kinds())):
        found = searcher.search(["lamp", "tank"], k=2, kind=kind)
        assert list(found) == ["0", "1"]
        assert next(iter(found["0"])) == "1"
        assert list(found["0"].values()) == sorted(found["0"].values(), reverse=True)
        assert len(found["0"]) == (1 if kind == "bm25" else 2)
    scores = PassageScores(
        lambda: Axes().encode_queries(["lamp"]), lambda: BM25(TEXTS).scores(["lamp"]), DEFAULT_WEIGHT
    )
    expected = dict(zip("012", scores.z_score_sum[0].tolist(), strict=True))
    assert searcher.search(["lamp"], k=3)["0"] == pytest.approx(expected)


def test_passages_and_queries_keep_their_ids():
    passages = [Passage(f"p-{n}", "d", "", text, 0, len(text)) for n, text in enumerate(TEXTS)]
    found = HybridSearcher(passages, Axes()).search([Query("q-1", "lamp", "typed")], k=1)
    assert list(found) == ["q-1"]
    assert list(found["q-1"]) == ["p-1"]
    assert HybridSearcher(passages, Axes()).search([]) == {}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: HybridSearcher([], Axes()), "passages: expected one or more"),
        (lambda: HybridSearcher(TEXTS, Axes(), weight=2), "weight: expected a number from 0 to 1, found 2"),
        (lambda: HybridSearcher(TEXTS, Axes(), window_overlap=1), "window_overlap: expected a number"),
        (lambda: HybridSearcher(TEXTS, Axes()).search(["a"], k=0), "k: expected 1 or more, found 0"),
        (lambda: HybridSearcher(TEXTS, Axes()).search(["a"], kind="best"), "expected one of bm25, dense, hybrid"),
    ],
)
def test_what_cannot_be_searched_is_refused(call, message):
    with pytest.raises(ConfigError, match=message):
        call()


def test_a_plain_sentence_transformer_will_do(tiny_base):
    from sentence_transformers import SentenceTransformer

    found = HybridSearcher(TEXTS, SentenceTransformer(str(tiny_base))).search(["the lamp", "rinse"], k=3, kind="rerank")
    assert {name: set(scores) for name, scores in found.items()} == {"0": set("012"), "1": set("012")}


@pytest.mark.parametrize(("judged_unit", "own"), [("passage", "p3"), ("document", "c")])
def test_what_is_left_out_of_a_ranking_is_in_no_run(judged_unit, own):
    texts = ["red lamp", "red pump", "oil", "red red lamp", "red tank", "red"]
    vectors = matrix(*([value] for value in (1, 5, 2, 3, 4, 9, 0, 7, 6)))
    searcher = Searcher(
        units_of(PASSAGES, judged_unit),
        lexical=BM25(texts),
        dense=PassageVectors(vectors, WINDOWS),
        match=lambda texts, candidates: [dict.fromkeys(passages, 1.0) for passages in candidates],
        left_out={"q": {own}},
    )
    kinds = [find_kind(name) for name in ("bm25", "dense", "hybrid", "rrf", "rerank")]
    runs = searcher.runs(["q", "other"], ["red lamp"] * 2, matrix([1], [1]), kinds, 100)
    for run in runs.values():
        assert own not in run["q"]
        assert own in run["other"]
        assert run["q"].keys() == run["other"].keys() - {own}


def test_a_corpus_of_the_query_alone_gives_an_empty_run():
    searcher = Searcher(
        Units(["q"], np.array([0])),
        lexical=BM25(["red lamp"]),
        dense=PassageVectors(matrix([1]), Windows(["A"], np.array([0]))),
        match=lambda texts, candidates: [{} for _ in texts],
        left_out={"q": {"q"}},
    )
    kinds = [find_kind("dense"), find_kind("rerank")]
    assert searcher.runs(["q"], ["red"], matrix([1]), kinds, 10) == {"dense": {"q": {}}, "rerank": {"q": {}}}
