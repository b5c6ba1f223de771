from __future__ import annotations

import json
from pathlib import Path

import pytest

from embedtune.config.settings import GenerateConfig
from embedtune.errors import DataError
from embedtune.project.manifest import stage_folder
from embedtune.project.trained_run import TrainedRun
from embedtune.serving.system_choice import check_system, choose_system, systems_of

OUTPUTS = {"dataset": {"corpus.jsonl": "c"}, "model": {"merged/x": "m"}}


def run(folder: Path, shipped="tuned"):
    return TrainedRun(
        folder,
        {"outputs": OUTPUTS["dataset"]},
        {"outputs": OUTPUTS["model"], "facts": {"shipped": shipped}},
        GenerateConfig(source=""),
    )


def row(a, b, low, p=0.01, measure="ndcg@10"):
    return {"a": a, "b": b, "measure": measure, "ci95": [low, 0.2], "p_value": p}


def judged(decision, *comparisons):
    return {"verdict": {"decision": decision}, "comparisons": list(comparisons)}


def evaluate(folder, facts, model=OUTPUTS["model"]):
    with stage_folder(folder / "eval", {"stage": "eval", "dataset": OUTPUTS["dataset"], "model": model}, {}) as made:
        (made / "metrics.json").write_text(json.dumps(facts))


FUSION_WINS = (row("hybrid_base", "base", 0.01), row("hybrid_base", "tuned", 0.01))


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (judged("ship"), "tuned"),
        (judged("ship_query_side"), "tuned"),
        (judged("ship", *FUSION_WINS), "hybrid_tuned"),
        (judged("ship", FUSION_WINS[0], row("hybrid_base", "tuned", 0.01, p=0.2)), "tuned"),
        (judged("ship", FUSION_WINS[0], row("hybrid_base", "tuned", 0.01, measure="mrr@10")), "tuned"),
        (judged("use_fusion", *FUSION_WINS), "hybrid_base"),
        (judged("do_not_ship"), "base"),
        (judged("inconclusive"), "base"),
        ({"sets": {"a": judged("ship"), "b": judged("ship_query_side")}}, "tuned"),
        ({"sets": {"a": judged("ship"), "b": judged("do_not_ship")}}, "tuned"),
    ],
)
def test_auto_follows_the_verdict(tmp_path, facts, expected):
    evaluate(tmp_path, facts)
    assert choose_system(run(tmp_path)) == check_system(run(tmp_path), "auto") == expected


def test_without_an_evaluation_it_is_what_training_shipped(tmp_path):
    assert choose_system(run(tmp_path)) == "tuned"
    assert choose_system(run(tmp_path, "base")) == "base"


def test_the_verdict_on_another_model_does_not_count(tmp_path):
    evaluate(tmp_path, judged("do_not_ship"), model={"merged/x": "older"})
    assert choose_system(run(tmp_path)) == "tuned"


def test_where_training_shipped_the_base_nothing_tuned_is_served(tmp_path):
    evaluate(tmp_path, judged("use_fusion"))
    shipped_base = run(tmp_path, "base")
    assert choose_system(shipped_base) == "hybrid_base"
    assert systems_of(shipped_base) == ["bm25", "base", "hybrid_base", "rrf_base", "rerank_base"]
    with pytest.raises(DataError, match="training shipped the base"):
        check_system(shipped_base, "rrf_tuned")
