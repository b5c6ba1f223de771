import pytest

from embedtune.models.encoder import Encoder
from embedtune.synthesis.llm.search import FusedSearch

TEXTS = [
    "Fill the tank with cold water.",
    "Refunds take ten days.",
    "The lamp blinks orange.",
    "Refunds take ten days.",
]


@pytest.fixture(scope="module")
def search(base):
    return FusedSearch(TEXTS, Encoder(base), window_tokens=64)


def test_best_passages_come_first(search):
    first, second = search.top(["how long do refunds take", "why does the lamp blink"], 2)
    assert sorted(first) == [1, 3] and second[0] == 2


def test_a_source_that_is_said_twice_counts_where_it_is_found_first(search):
    assert search.ranks(["how long do refunds take"], [[[1, 3]]]) == [1]


def test_of_several_sources_the_worst_placed_counts(search):
    query = "how long do refunds take"
    (order,) = search.top([query], 4)
    assert search.ranks([query] * 2, [[[1], [order[3]]], [[order[2]]]]) == [4, 3]
