"""Systems as values, and what the registry of kinds says of them."""

from __future__ import annotations

import pytest

from embedtune.evaluation.verdict import PAIRS
from embedtune.systems import (
    Kind,
    System,
    in_order,
    main_pairs,
    pairs_to_compare,
    register,
    served_systems,
    sliced_pairs,
    systems_of_run,
)

NAMES = [
    "bm25", "base", "base_quantized", "base_pca", "tuned", "hybrid_base", "hybrid_tuned", "rrf_base", "rrf_tuned",
    "rerank_base", "rerank_tuned",
]  # fmt: skip


def test_names_are_those_of_the_files_in_the_order_of_tables():
    assert [str(system) for system in systems_of_run()] == NAMES
    assert in_order(["mine", "tuned:other", *reversed(NAMES)]) == [*NAMES, "mine", "tuned:other"]


@pytest.mark.parametrize(
    "name", [*NAMES, "tuned:other", "BAAI/bge-small", "hybrid_query_adapter", "hybrid", "bm25_x", "a_b"]
)
def test_a_name_and_its_system_are_one(name):
    system = System.parse(name)
    assert str(system) == name
    assert system == System(system.kind, system.model)
    assert {system: 1}[System.parse(name)] == 1


@pytest.mark.parametrize(
    ("name", "kind", "model"),
    [
        ("bm25", "bm25", ""),
        ("base_pca", "dense", "base_pca"),
        ("rrf_tuned", "rrf", "tuned"),
        ("tuned:x", "dense", "tuned:x"),
    ],
)
def test_a_system_has_a_kind_and_a_model(name, kind, model):
    assert System.parse(name) == System(kind, model)
    assert System.parse(name).is_added == (model == "tuned:x")


def test_without_a_tuned_model_only_the_base_is_served():
    assert [str(system) for system in served_systems(tuned=False)] == [
        "bm25",
        "base",
        "hybrid_base",
        "rrf_base",
        "rerank_base",
    ]
    assert set(map(str, served_systems(tuned=True))) == set(NAMES) - {"base_quantized", "base_pca"}


def test_pairs_are_those_of_systems_that_are_there():
    assert main_pairs(NAMES) == [
        ("tuned", "base"), ("hybrid_tuned", "hybrid_base"), ("hybrid_base", "base"), ("rerank_base", "hybrid_base"),
    ]  # fmt: skip
    assert main_pairs(["bm25", "base", "hybrid_base"]) == [("hybrid_base", "base")]
    assert sliced_pairs(NAMES) == main_pairs(NAMES)[:2]
    assert {*PAIRS, *pairs_to_compare(NAMES)} == {
        *PAIRS, ("base_quantized", "base"), ("tuned", "bm25"), ("base", "bm25"), ("hybrid_tuned", "bm25"), ("hybrid_base", "bm25"),
        ("rerank_base", "hybrid_base"), ("rerank_tuned", "hybrid_tuned"), ("rerank_tuned", "rerank_base"),
        ("rerank_base", "base"), ("rerank_tuned", "tuned"),
    }  # fmt: skip
    assert pairs_to_compare(["base", "mine", "tuned"])[-2:] == [("mine", "base"), ("tuned", "mine")]


@pytest.mark.parametrize("name", ["hybrid", "base", "bm25", "two_words"])
def test_a_kind_has_a_name_of_its_own(name):
    with pytest.raises(ValueError, match="expected a new name"):
        register(Kind(name, "label", lambda scores: scores.dense))


def test_systems_are_called_in_words_for_people():
    labels = {name: System.parse(name).label for name in ("bm25", "base", "hybrid_base", "rrf_tuned", "mine")}
    assert labels == {
        "bm25": "BM25", "base": "base model", "hybrid_base": "base model + BM25 (z-scores)",
        "rrf_tuned": "tuned model + BM25 (ranks)", "mine": "mine",
    }  # fmt: skip
