from __future__ import annotations

import pytest

from embedtune.dataset import read_dataset
from embedtune.errors import ConfigError
from embedtune.models.encoder import Encoder
from embedtune.synthesis.llm.relabel import FusedSearch
from tests.llm_runs import generate
from tests.llm_server import Script, ScriptedServer

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


def test_passages_that_score_no_lower_than_the_source_are_answers_too(
    document_folder, tiny_base, tmp_path, cross_encoder
):
    with ScriptedServer(Script()) as server:
        plain = generate(document_folder, tiny_base, server.url, tmp_path, limit=30).record
        record = generate(
            document_folder,
            tiny_base,
            server.url,
            tmp_path,
            limit=30,
            relabel="cross-encoder",
            cross_encoder=str(cross_encoder),
        ).record
    assert plain.llm.relabelled == 0
    assert record.llm.relabelled > 10
    dataset = read_dataset(tmp_path / "dataset")
    assert max(map(len, dataset.splits["dev"].qrels.values())) > 1
    side = {
        name: split
        for split in ("dev", "test")
        for judged in dataset.splits[split].qrels.values()
        for name in list(judged)[:1]
    }
    assert not side.keys() & {name for judged in dataset.splits["train"].qrels.values() for name in judged}


def test_no_cross_encoder(document_folder, tiny_base, tmp_path):
    with (
        ScriptedServer(Script()) as server,
        pytest.raises(ConfigError, match=r"llm\.cross_encoder: expected a cross-encoder"),
    ):
        generate(
            document_folder,
            tiny_base,
            server.url,
            tmp_path,
            limit=5,
            relabel="cross-encoder",
            cross_encoder=str(tmp_path / "none"),
        )
