from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest

from embedtune.config import GenerateConfig, TrainConfig
from embedtune.evaluation.dev_set import DevSet
from embedtune.records import Dataset, Passage, Query, QuerySet
from embedtune.stages.dev import build_dev_set

TANK = "Fill the tank with cold water. The pump starts by itself. Rinse the bowl twice."
LAMP = "The lamp blinks orange. Press the button twice."
LONG = " ".join(f"w{number}" for number in range(20)) + ". " + " ".join(f"v{number}" for number in range(20)) + "."
PASSAGES = [
    Passage("p0", "brava.md", "Brava 3 › Tank", TANK, 0, len(TANK)),
    Passage("p1", "brava.md", "", LAMP, 100, 100 + len(LAMP)),
    Passage("p2", "long.md", "", LONG, 0, len(LONG)),
]
WORDS = SimpleNamespace(window=100, token_offsets=lambda text: [match.span() for match in re.finditer(r"\S+", text)])


def build(*queries: tuple[Query, dict[str, int]], seed: int = 0, removal: float = 1.0, **settings: int) -> DevSet:
    qrels = {query.query_id: judged for query, judged in queries}
    empty = QuerySet("", [], {}, "passage")
    labelled = QuerySet("dev", [query for query, _ in queries], qrels, "passage")
    dataset = Dataset(PASSAGES, {"train": empty, "dev": labelled, "test": empty})
    made = GenerateConfig(source="docs", window_tokens=20, window_overlap=0.0)
    return build_dev_set(dataset, WORDS, made, TrainConfig(seed=seed, removal=removal, **settings))


def passages_met(dev: DevSet) -> list[str]:
    """Return the texts that lexical search sees."""
    found: list[str] = []

    def score(passages, queries):
        found.extend(passages)
        return np.zeros((len(queries), len(passages)), dtype=np.float32)

    dev.lexical_scores(score)
    return found


WHOLE = [f"Brava 3 › Tank\n{TANK}", LAMP, LONG]


@pytest.mark.parametrize("kind", ["keyphrase", "span", "sentence", "heading"])
def test_generated_query_meets_its_passage_without_its_sentence_and_the_others_whole(kind):
    dev = build((Query("q", "pump starts", kind), {"p0": 1}))
    assert dev.queries == ["pump starts"]
    assert dev.relevant == [[0]]
    met = "Brava 3 › Tank\nFill the tank with cold water. Rinse the bowl twice."
    assert passages_met(dev) == [*WHOLE, met]
    assert dev.windows[-1] == met


def test_query_of_the_source_meets_its_passage_whole():
    assert passages_met(build((Query("q", "pump starts", "source"), {"p0": 1}))) == [*WHOLE, WHOLE[0]]


def test_all_relevant_passages_lose_the_sentence_and_those_of_grade_zero_do_not():
    dev = build((Query("q", "press the button twice", "span"), {"p1": 2, "p0": 1, "p2": 0}))
    assert dev.relevant == [[1, 0]]
    assert passages_met(dev) == [
        *WHOLE,
        "The lamp blinks orange.",
        "Brava 3 › Tank\nFill the tank with cold water. The pump starts by itself.",
    ]


def test_passage_without_its_sentence_is_cut_into_windows_anew():
    dev = build((Query("q", "w1 w2 w3", "span"), {"p2": 1}))
    first, second = LONG.split(". ")
    assert dev.windows == [*WHOLE[:2], f"{first}.", second, f" {second}"]
    assert passages_met(dev)[-1] == f" {second}"


def test_queries_are_sampled_in_their_order_and_the_seed_decides():
    queries = [(Query(f"q{number}", f"lamp {number}", "source"), {"p1": 1}) for number in range(30)]
    assert build(*queries).queries == [query.text for query, _ in queries]
    few = build(*queries, max_dev_queries=7).queries
    assert len(few) == 7
    assert few == sorted(few, key=lambda text: int(text.split()[1]))
    assert few == build(*queries, max_dev_queries=7).queries
    assert few != build(*queries, max_dev_queries=7, seed=1).queries


def test_passages_are_sampled_around_the_answers():
    dev = build((Query("q", "lamp", "source"), {"p1": 1}), max_dev_windows=1)
    assert dev.windows == [LAMP, LAMP]
    assert dev.relevant == [[0]]


def test_a_share_of_generated_queries_meets_its_passages_whole():
    queries = [(Query(f"q{number}", "pump starts", "span"), {"p0": 1}) for number in range(200)]
    dev = build(*queries, (Query("own", "pump starts", "source"), {"p0": 1}), removal=0.5)
    met = passages_met(dev)[len(PASSAGES) :]
    whole = {row for row, text in enumerate(met) if text == WHOLE[0]}
    assert 70 < len(whole) - 1 < 130
    # A query that a person wrote has no words of its own taken out, and counts for fusion all the same.
    assert set(range(201)) - set(dev.unfamiliar) == whole - {200}
    assert build(*queries, removal=0.0).unfamiliar == []


def test_queries_know_the_document_that_answers_them():
    judged = [{"p0": 1}, {"p1": 1}, {"p2": 1}, {"p1": 1, "p2": 2}]
    dev = build(*((Query(f"q{number}", "lamp", "source"), grades) for number, grades in enumerate(judged)))
    assert dev.clusters.tolist() == ["brava.md", "brava.md", "long.md", "long.md"]
