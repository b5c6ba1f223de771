from __future__ import annotations

import numpy as np
import pytest

from embedtune.evaluation.comparisons import as_arrays, summarise
from embedtune.evaluation.measures import MEASURES, per_query
from embedtune.retrieval.ranks import first_ranks
from embedtune.types import Passage, Query, QuerySet

N_DOCUMENTS, PER_DOCUMENT = 24, 3
PASSAGES = [
    Passage(f"p{document}-{number}", f"d{document:02d}.md", "", "text", 0, 4)
    for document in range(N_DOCUMENTS)
    for number in range(PER_DOCUMENT)
]
QUERIES = [Query(f"q{number}", "one two three", "span" if number % 2 else "heading") for number in range(len(PASSAGES))]
LABELLED = QuerySet(
    "own", QUERIES, {q.query_id: {p.passage_id: 1} for q, p in zip(QUERIES, PASSAGES, strict=True)}, "passage"
)


def run_with(ranks):
    """Return a run that has the answer of each query at a rank, 0 for none."""
    run = {}
    for query, passage, rank in zip(QUERIES, PASSAGES, ranks, strict=True):
        others = [other.passage_id for other in PASSAGES if other is not passage][:20]
        found = others if not rank else [*others[: rank - 1], passage.passage_id, *others[rank - 1 :]]
        run[query.query_id] = {name: 1.0 / place for place, name in enumerate(found, start=1)}
    return run


def ranks(number, seed=0):
    return np.random.default_rng(seed).integers(1, number + 1, len(QUERIES))


def found(runs, seed=0):
    values = {system: per_query(LABELLED.qrels, run) for system, run in runs.items()}
    return summarise(values, runs["bm25"], LABELLED, PASSAGES, seed=seed), values


def test_a_row_says_what_the_scores_say():
    record, values = found({"bm25": run_with(ranks(9)), "base": run_with(ranks(6, 1)), "tuned": run_with(ranks(3, 2))})
    assert (record.clustered_by, record.n_clusters) == ("document", N_DOCUMENTS)
    rows = {(row.system, row.reference, row.measure): row for row in record.comparisons}
    pairs = [("tuned", "base"), ("tuned", "bm25"), ("base", "bm25")]
    assert list(rows) == [(*pair, measure) for pair in pairs for measure in MEASURES]
    scores = as_arrays(values)
    for (a, b, measure), row in rows.items():
        difference = scores[a][measure] - scores[b][measure]
        assert row.difference == pytest.approx(difference.mean(), abs=1e-6)
        assert row.n_changed == (difference != 0).sum()
        assert row.ci95[0] <= row.difference <= row.ci95[1]
        assert row.p_holm >= row.p > 0
        assert (row.p_mcnemar is None) == (not measure.startswith("hit_rate") and measure != "recall@100")
    assert record.verdict.decision == "ship"
    assert record.verdict.reasons[0].startswith("Ship the tuned model")


def test_the_seed_moves_the_resamples_and_nothing_else():
    runs = {"bm25": run_with(ranks(9)), "base": run_with(ranks(6, 1)), "tuned": run_with(ranks(5, 2))}
    (first, _), (again, _), (other, _) = found(runs), found(runs), found(runs, seed=1)
    assert first == again
    deltas = [[row.difference for row in record.comparisons] for record in (first, other)]
    assert deltas[0] == deltas[1]
    assert [row.ci95 for row in first.comparisons] != [row.ci95 for row in other.comparisons]


def test_a_model_that_is_its_base_is_not_shipped():
    base = run_with(ranks(6, 1))
    record, _ = found({"bm25": run_with(ranks(9)), "base": base, "tuned": base})
    assert record.verdict.decision == "do_not_ship"
    assert {row.difference for row in record.slices} == {0.0}


def test_where_training_kept_the_base_nothing_is_said_about_a_tuned_model():
    base = run_with(ranks(6, 1))
    record, _ = found({"bm25": run_with(ranks(9)), "base": base})
    assert record.verdict.decision == "do_not_ship"
    assert "fell back to the base" in record.verdict.reasons[0]
    assert {(row.system, row.reference) for row in record.comparisons} == {("base", "bm25")}
    assert record.slices == []
    fused, _ = found({"bm25": run_with(ranks(9)), "base": base, "hybrid_base": run_with([1] * len(QUERIES))})
    assert fused.verdict.decision == "use_fusion"
    assert "no tuned model" in fused.verdict.reasons[1]


@pytest.mark.parametrize("seeds", [("tuned",), ("tuned", "tuned:b", "tuned:c")])
def test_a_recipe_has_the_mean_and_the_sample_deviation_of_its_seeds(seeds):
    runs = {"base": run_with(ranks(6, 1)), **{name: run_with(ranks(3, n)) for n, name in enumerate(seeds)}}
    values = {system: per_query(LABELLED.qrels, run) for system, run in runs.items()}
    record = summarise(values, run_with(ranks(9)), LABELLED, PASSAGES, seeds=seeds, seed=0).seeds
    means = [float(np.mean(list(values[name]["mrr@10"].values()))) for name in seeds]
    assert record.means["mrr@10"] == pytest.approx(sum(means) / len(means), abs=1e-6)
    deviation = pytest.approx(np.std(means, ddof=1), abs=1e-6) if len(seeds) > 1 else None
    assert record.deviations["mrr@10"] == deviation


def test_slices_part_the_queries_and_small_ones_have_no_interval():
    lexical = run_with([(1, 5, 15)[number % 3] for number in range(len(QUERIES))])
    record, _ = found({"bm25": lexical, "base": run_with(ranks(6, 1)), "tuned": run_with(ranks(3, 2))})
    rows = {(row.by, row.name): row for row in record.slices}
    assert list(rows) == [
        ("kind", "heading"), ("kind", "span"),
        ("lexical_overlap", "1"), ("lexical_overlap", "2-10"), ("lexical_overlap", ">10"),
    ]  # fmt: skip
    for by in ("kind", "lexical_overlap"):
        assert sum(row.n_queries for (name, _), row in rows.items() if name == by) == len(QUERIES)
    assert all((row.ci95 is None) == (row.n_queries < 30) for row in rows.values())
    for row in rows.values():
        assert row.difference == pytest.approx(row.mean - row.reference_mean, abs=2e-6)


def test_lexical_rank_is_that_of_the_first_relevant_unit():
    qrels = {"a": {"x": 1, "y": 1}, "b": {"x": 0, "y": 1}, "c": {"z": 1}, "d": {"x": 1}}
    run = {"a": {"w": 3.0, "y": 2.0, "x": 1.0}, "b": {"x": 2.0, "y": 1.0}, "c": {"x": 1.0}}
    assert first_ranks(qrels, run) == [2, 2, None, None]
