"""The rules, by a table of facts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from embedtune.advise.recommendation import Facts, recommend
from embedtune.project.evaluation_records import Comparison
from tests.records import comparison


def gain(points: float, spread: float = 0.5, *, before: float = 0.6) -> Comparison:
    """Return a gain in points with an interval of that half width; shown where the interval says so."""
    low, high = points - spread, points + spread
    shown = low > 0 or high < 0
    return comparison(
        reference_mean=before, difference=points / 100, ci95=(low / 100, high / 100), p=0.01 if shown else 0.4
    )


PLAIN = Facts(
    source="docs",
    synthetic=False,
    queries="mine",
    n_queries=200,
    share_lost=0.3,
    ready_made=True,
    size=128,
    best_size=128,
    chunking=gain(0.2),
    fusion=gain(0.2),
    fusion_over_bm25=gain(4),
    lexical=gain(-3),
    best=None,
    tuning=gain(0.2),
    headroom=0.15,
    n_labelled=0,
)


@pytest.mark.parametrize(
    ("changes", "decision", "then"),
    [
        ({}, "leave", []),
        ({"chunking": gain(2)}, "fix_chunking", []),
        ({"chunking": gain(2, 3)}, "leave", []),
        ({"chunking": gain(0.8)}, "leave", []),
        ({"chunking": None, "fusion": gain(4)}, "use_fusion", []),
        ({"chunking": gain(2), "fusion": gain(4)}, "use_fusion", ["fix_chunking"]),
        ({"chunking": gain(5), "fusion": gain(4)}, "fix_chunking", ["use_fusion"]),
        # What costs nothing needs less proof: the loss of a point must be ruled out, no more.
        ({"fusion": gain(1.8, 2.5)}, "use_fusion", []),
        ({"fusion": gain(1.8, 3)}, "leave", []),
        ({"fusion": gain(-4)}, "leave", []),
        ({"lexical": gain(20), "fusion": gain(10), "fusion_over_bm25": gain(-10)}, "use_bm25", []),
        ({"lexical": gain(20), "fusion": gain(10), "fusion_over_bm25": gain(0.2)}, "use_fusion", []),
        (
            {
                "lexical": gain(20),
                "fusion": gain(10),
                "fusion_over_bm25": gain(-10),
                "synthetic": True,
                "queries": None,
            },
            "use_fusion",
            [],
        ),
        ({"tuning": gain(1.5)}, "tune_query_side", []),
        ({"tuning": gain(1.5, 2)}, "leave", []),
        ({"tuning": gain(1.5), "synthetic": True, "queries": None}, "leave", []),
        ({"tuning": gain(2.5), "synthetic": True, "queries": None}, "tune_query_side", []),
        ({"tuning": gain(5), "headroom": 0.01}, "leave", []),
        ({"tuning": None}, "leave", []),
        ({"fusion": gain(4), "tuning": gain(1.5)}, "use_fusion", ["tune_query_side"]),
        ({"n_labelled": 800}, "tune_fully", []),
        ({"n_labelled": 800, "headroom": 0.04}, "leave", []),
        ({"n_labelled": 499}, "leave", []),
        ({"n_labelled": 800, "tuning": gain(1.5)}, "tune_query_side", []),
        ({"n_labelled": 800, "fusion": gain(4)}, "use_fusion", ["tune_fully"]),
    ],
)
def test_one_recommendation_and_what_comes_after_it(changes, decision, then):
    found = recommend(replace(PLAIN, **changes))
    assert (found.decision, found.then) == (decision, then)
    assert found.sentence and all(found.reasons)


def test_the_reasons_carry_the_figures():
    found = recommend(replace(PLAIN, fusion=gain(4, 1)))
    assert "+4.0 points of nDCG@10, 0.600 to 0.640 (95 %: +3.0 to +5.0)" in found.reasons[0]
    found = recommend(replace(PLAIN, chunking=gain(3), best_size=64))
    assert "64 tokens" in found.sentence and "30% of the tokens are cut off" in found.reasons[0]
    assert found.commands == ["embedtune generate docs --out runs/mine --window 64"]


def test_a_fusion_that_is_no_better_than_bm25_says_so():
    facts = replace(PLAIN, fusion=gain(4), fusion_over_bm25=gain(0.1))
    assert any("not significantly better than BM25 alone" in reason for reason in recommend(facts).reasons)
    assert not any(
        "not significantly better than BM25 alone" in reason
        for reason in recommend(replace(PLAIN, fusion=gain(4))).reasons
    )


def test_drawn_queries_and_few_queries_make_weak_advice():
    assert recommend(PLAIN).weak == []
    assert any("favour BM25" in reason for reason in recommend(replace(PLAIN, synthetic=True, queries=None)).weak)
    assert any("only 12 queries" in reason for reason in recommend(replace(PLAIN, n_queries=12)).weak)


def test_the_commands_can_be_pasted():
    facts = replace(PLAIN, source="my docs", queries="my queries", fusion=gain(4))
    assert recommend(facts).commands == [
        "embedtune generate 'my docs' --out runs/mine",
        "embedtune eval runs/mine --queries 'my queries'",
    ]
    assert "--method query-lora" in recommend(replace(PLAIN, tuning=gain(2))).commands[1]
    assert "--queries-from source" in recommend(replace(PLAIN, n_labelled=900)).commands[0]
    assert recommend(PLAIN).commands == []
    assert "advise docs --queries" in recommend(replace(PLAIN, synthetic=True, queries=None)).commands[0]


def test_the_highest_row_is_mentioned_where_it_is_not_recommended():
    best = gain(14).model_copy(update={"system": "base_pca"})
    reasons = recommend(replace(PLAIN, best=best)).reasons
    assert any(text.startswith("Highest in the table is base, query PCA: +14.0 points") for text in reasons)
    hybrid = gain(14).model_copy(update={"system": "hybrid_base"})
    assert not any("Highest" in text for text in recommend(replace(PLAIN, best=hybrid)).reasons)
