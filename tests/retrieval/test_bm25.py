from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.retrieval.bm25 import BM25
from embedtune.text.language import find_language

WORDS = ["filter", "pump", "valve", "gasket", "hinge"]
texts = st.lists(st.sampled_from(WORDS), max_size=8)


def score_plainly(query: list[str], texts: list[list[str]]) -> list[float]:
    """Score as Lucene does, without its constant factor k1 + 1."""
    mean = sum(map(len, texts)) / len(texts)
    scores = []
    for text in texts:
        score = 0.0
        for term in query:
            n_with = sum(term in other for other in texts)
            idf = math.log(1 + (len(texts) - n_with + 0.5) / (n_with + 0.5))
            frequency = text.count(term)
            score += idf * frequency / (frequency + 1.2 * (1 - 0.75 + 0.75 * len(text) / mean)) if frequency else 0
        scores.append(score)
    return scores


@given(corpus=st.lists(texts, min_size=1, max_size=6), queries=st.lists(texts, max_size=4))
def test_scores_equal_the_formula(corpus, queries):
    assert find_language(WORDS).name == ""  # neither stop words nor stems
    scores = BM25([" ".join(text) for text in corpus]).scores([" ".join(query) for query in queries])
    assert scores.shape == (len(queries), len(corpus))
    for row, query in zip(scores, queries, strict=True):
        assert row == pytest.approx(score_plainly(query, corpus), abs=1e-5)


def test_case_and_punctuation_do_not_matter():
    index = BM25(["Filter, pump!", "valve"])
    scores = index.scores(["filter pump", "FILTER... (pump)"])
    assert scores[0].tolist() == scores[1].tolist()
    assert scores[0, 0] > 0 == scores[0, 1]


def test_query_without_a_known_term_scores_zero():
    assert BM25(["filter pump", "valve"]).scores(["espresso", "", "…"]).tolist() == [[0, 0], [0, 0], [0, 0]]


def test_unknown_terms_do_not_change_the_score():
    index = BM25(["filter pump", "valve"])
    assert index.scores(["pump espresso"]).tolist() == index.scores(["pump"]).tolist()


def test_stop_words_of_the_corpus_are_not_searched_for():
    index = BM25(["The lamp is on when the tank is empty.", "The pump stops and the lamp is off.", "Gasket"])
    assert index.scores(["is the when"]).tolist() == [[0, 0, 0]]
    assert index.scores(["when is the lamp on"]).tolist() == index.scores(["lamp"]).tolist()


@pytest.mark.parametrize("corpus", [["", "…"], ["the of and"]])
def test_corpus_without_terms_scores_zero(corpus):
    assert BM25(corpus).scores(["pump"]).tolist() == [[0.0] * len(corpus)]


def test_script_without_spaces_is_searched_by_bigrams():
    scores = BM25(["水タンクを洗う", "電源を入れる"]).scores(["タンク"])
    assert scores[0, 0] > 0 == scores[0, 1]


def test_scores_are_single_precision():
    assert BM25(["pump"]).scores(["pump"]).dtype == np.float32
