"""The whole advice, with the real base model on a small folder."""

from __future__ import annotations

import pytest

from embedtune.advise.advise import advise
from embedtune.config.settings import GenerateConfig


@pytest.fixture(scope="module")
def advice(document_folder):
    before = {path: path.read_bytes() for path in document_folder.rglob("*")}
    found = advise(GenerateConfig(source=str(document_folder)))
    assert {path: path.read_bytes() for path in document_folder.rglob("*")} == before
    return found


def test_what_was_read_and_who_judges(advice):
    assert (advice.documents, advice.language, advice.warnings) == (26, "english", [])
    assert advice.queries.origin == "synthetic"
    assert advice.queries.n >= 100
    assert advice.sample.passages == advice.sample.of_passages
    assert advice.window.share_lost_whole == 0


def test_sizes_and_systems_are_measured_and_compared(advice):
    assert set(advice.chunks.cells) == {"64", "128", "254"}
    assert all(0 <= values["ndcg@10"] <= 1 for values in advice.systems.values())
    assert advice.systems["base"]["ndcg@10"] > 0.5
    by_pair = {(each.system, each.reference): each for each in advice.comparisons}
    fusion = by_pair["hybrid_base", "base"]
    assert fusion.ci95[0] <= fusion.difference <= fusion.ci95[1]
    assert fusion.difference == pytest.approx(
        advice.systems["hybrid_base"]["ndcg@10"] - advice.systems["base"]["ndcg@10"], abs=1e-5
    )


def test_headroom_power_and_cost_follow_from_them(advice):
    headroom = advice.headroom
    assert headroom.gain == pytest.approx(headroom.perfect_order - headroom.now, abs=1e-5)
    assert headroom.recall == advice.systems[headroom.system]["recall@100"]
    for each in advice.power:
        assert each.needed["1"] >= each.needed["2"] >= each.needed["5"] >= advice.queries.n
    assert advice.cost.query_side.seconds > 0


def test_there_is_one_recommendation_and_it_is_called_weak(advice):
    assert advice.recommendation.decision in {"fix_chunking", "use_fusion", "tune_query_side", "leave"}
    assert "favour BM25" in advice.recommendation.weak[0]
    assert advice.recommendation.commands
