from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.retrieval.bm25 import BM25

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


TANK = ["The pumps are connected to the tanks of the machine.", "Fill the tank with cold water when the lamp is on."]
BAC = [
    "Les pompes sont reliées aux réservoirs de la machine.",
    "Remplissez le réservoir d'eau froide quand la lampe brille.",
]


def test_every_document_of_a_mixed_corpus_has_its_language():
    index = BM25([*TANK, *BAC, "水タンクを洗ってから電源を入れてください。"])
    scores = index.scores(["connecting a pump", "relié à une pompe", "タンク", "les réservoirs"])
    assert scores[:3].argmax(axis=1).tolist() == [0, 2, 4]
    assert [found > 0 for found in scores[3].tolist()] == [False, False, True, True, False]
    assert index.scores(["when is the", "les sont aux"]).tolist() == [[0] * 5] * 2


def test_a_language_of_many_texts_is_weighed_by_itself():
    bacs = [f"Remplissez le réservoir numéro {n} d'eau froide quand la lampe est allumée." for n in range(200)]
    tanks = [f"Fill the tank number {n} with cold water when the lamp is on." for n in range(600)]
    alone, mixed = BM25(bacs), BM25([*tanks, *bacs])
    query = "le réservoir numéro 42 d'eau"
    assert np.argsort(-mixed.scores([query])[0][600:])[0] == 42
    ratio = mixed.scores([query])[0][600:] / alone.scores([query])[0]
    assert ratio == pytest.approx(ratio[0])  # in the order that they have by themselves


def test_texts_in_the_language_of_the_query_come_first():
    bacs = [f"Remplissez le réservoir numéro {n} d'eau froide quand la lampe Calder est allumée." for n in range(200)]
    tanks = [f"Fill the tank number {n} with cold water when the lamp is on." for n in range(599)]
    tanks.append("Fill the Calder.")
    index = BM25([*tanks, *bacs])
    in_french, in_english, in_neither = index.scores(["les sont aux Calder", "is the Calder", "Calder"])
    assert in_english.argmax() == in_neither.argmax() == 599
    assert in_french[599] == pytest.approx(0.7 * in_english[599])
    assert in_french[600:] == pytest.approx(in_english[600:] / 0.7)
    lit = index.scores(["allumée Calder"])[0]  # without a stop word, the words that each language has tell
    assert lit[599] == pytest.approx(in_french[599])


def test_scores_are_single_precision():
    assert BM25(["pump"]).scores(["pump"]).dtype == np.float32


@pytest.mark.parametrize("two_languages", [False, True])
def test_inner_products_of_sparse_vectors_are_the_scores(two_languages):
    corpus = [f"the pump and the {word} of house {n}" for n, word in enumerate(WORDS * 50)]
    if two_languages:
        corpus += [f"die Pumpe und das {word} in dem Haus {n} sind nicht da" for n, word in enumerate(WORDS * 50)]
    index = BM25(corpus)
    queries = ["pump pump gasket", "house 7", "Pumpe Haus", "nothing else"]
    texts = index.sparse_texts()
    for query, row in zip(index.sparse_queries(queries), index.scores(queries), strict=True):
        products = [sum(weight * text.get(term, 0.0) for term, weight in query.items()) for text in texts]
        assert products == pytest.approx(row.tolist(), abs=1e-5)
