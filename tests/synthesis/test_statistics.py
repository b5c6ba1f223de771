from __future__ import annotations

import math

import pytest

from embedtune.synthesis.statistics import CorpusStatistics

TEXTS = ["filter pump valve", "filter pump filter", "filter hinge", "filter"]


@pytest.fixture
def statistics() -> CorpusStatistics:
    statistics = CorpusStatistics(TEXTS)
    assert statistics.stop_words == frozenset()
    return statistics


@pytest.fixture
def english() -> CorpusStatistics:
    return CorpusStatistics(["The lamp is on when the tank is empty.", "The pump stops and the lamp is off.", "Gasket"])


@pytest.mark.parametrize(("term", "frequency"), [("filter", 4), ("pump", 2), ("valve", 1), ("unknown", 1)])
def test_idf_is_the_log_of_texts_over_texts_with_the_term(statistics, term, frequency):
    assert statistics.idf(term) == pytest.approx(math.log(4 / frequency))


def test_stop_words_weigh_nothing(english):
    assert "the" in english.stop_words
    assert english.idf("the") == 0.0
    assert english.idf("pump") == pytest.approx(math.log(3))


def test_salience_is_the_mean_idf(statistics):
    assert statistics.salience("Filter: pump, valve!") == pytest.approx((math.log(1) + math.log(2) + math.log(4)) / 3)


@pytest.mark.parametrize("text", ["", "…"])
def test_text_without_terms_has_no_salience(statistics, text):
    assert statistics.salience(text) == 0.0


def test_content_terms_leave_out_stop_words_and_keep_the_order(english):
    assert english.content_terms("When is the Pump on? The gasket!") == ["pump", "gasket"]


def test_text_is_generic_without_a_rare_term():
    statistics = CorpusStatistics(["filter pump"] * 21 + ["filter hinge"] * 20)
    assert statistics.is_generic("filter pump")  # in 41 and 21 texts
    assert not statistics.is_generic("filter hinge")  # "hinge" is in 20
    assert statistics.is_generic("unknown")
    assert statistics.is_generic("")


def test_rare_grows_with_the_corpus():
    statistics = CorpusStatistics(["pump"] * 30 + ["hinge"] * 31 + ["filter"] * 2939)
    assert not statistics.is_generic("pump")  # 30 of 3000 is one in a hundred
    assert statistics.is_generic("hinge")


def test_stop_words_alone_are_generic(english):
    assert english.is_generic("is the")


def test_rarest_terms_are_forgotten_beyond_the_bound():
    texts = [f"pump own{number} pair{number // 2}" for number in range(30)]
    statistics = CorpusStatistics(texts, max_terms=40)
    assert statistics.n_prunings >= 1
    assert statistics.idf("pump") == 0.0
    assert statistics.idf("own0") == pytest.approx(math.log(30))  # forgotten, and so as rare as can be
    assert not statistics.is_generic("own0")
    assert CorpusStatistics(texts).n_prunings == 0


def test_frequencies_are_too_small_at_most_after_terms_were_forgotten():
    texts = [" ".join(f"w{number % step}" for step in (2, 3, 7, 50)) for number in range(400)]
    exact, bounded = CorpusStatistics(texts), CorpusStatistics(texts, max_terms=30)
    assert bounded.n_prunings
    assert all(bounded.idf(f"w{number}") >= exact.idf(f"w{number}") for number in range(50))
    assert bounded.idf("w1") == pytest.approx(exact.idf("w1"))  # a frequent one is not touched
