from __future__ import annotations

from pathlib import Path

import pytest

from embedtune.config.settings import GenerateConfig
from embedtune.evaluation.decision import decide, decide_by, follow
from embedtune.project.evaluation_records import EvaluationRecord
from embedtune.project.manifest import Identity, Manifest, stage_folder
from embedtune.project.records import DevRecord, ModelRecord, Record
from embedtune.project.trained_run import TrainedRun
from tests.records import comparison, results

OUTPUTS = {"dataset": {"corpus.jsonl": "c"}, "model": {"merged/x": "m"}}
DEV = DevRecord(measure="mean reciprocal rank", n_queries=18, base=0.5, gain=0.043, standard_error=0.034)


def run(folder: Path, shipped="tuned", outputs=OUTPUTS, trained_on=None):
    return TrainedRun(
        folder,
        Manifest(record=Record(), outputs=outputs["dataset"]),
        Manifest(
            record=ModelRecord(shipped=shipped, dev=DEV),
            identity=Identity(dataset=trained_on or outputs["dataset"]),
            outputs=outputs["model"],
        ),
        GenerateConfig(source=""),
    )


def row(a, b, low, p=0.01, measure="ndcg@10"):
    return comparison(a, b, measure=measure, ci95=(low, 0.2), p=p)


def evaluate(folder, *sets, outputs=OUTPUTS):
    record = EvaluationRecord(
        queries=", ".join(each.queries for each in sets), shipped="tuned", sets={each.queries: each for each in sets}
    )
    with stage_folder(folder / "eval", {"stage": "eval", **outputs}) as stage:
        stage.record = record


def of_people(decision, n=50, name="people"):
    return results(decision, queries=name, n_queries=n, kinds={"source": n})


def typed(decision, n=50, name="people"):
    return results(decision, queries=name, n_queries=n, kinds={"typed": n})


def synthetic(decision, n=600, name="synthetic"):
    return results(decision, queries=name, n_queries=n, kinds={"span": n})


FUSION_WINS = (row("hybrid_base", "base", 0.01), row("hybrid_base", "tuned", 0.01))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (results("ship"), "tuned"),
        (results("ship_query_side"), "tuned"),
        (results("ship", *FUSION_WINS), "hybrid_tuned"),
        (results("ship", FUSION_WINS[0], row("hybrid_base", "tuned", 0.01, p=0.2)), "tuned"),
        (results("ship", FUSION_WINS[0], row("hybrid_base", "tuned", 0.01, measure="mrr@10")), "tuned"),
        (results("use_fusion", *FUSION_WINS), "hybrid_base"),
        (results("do_not_ship"), "base"),
        (results("inconclusive"), "base"),
    ],
)
def test_the_verdict_names_the_system(tmp_path, found, expected):
    evaluate(tmp_path, found)
    decision = decide(run(tmp_path))
    assert (decision.system, decision.evidence, decision.queries, decision.stale) == (expected, "evaluation", "own", "")
    assert decision.reason == "because"


@pytest.mark.parametrize(
    ("sets", "expected"),
    [
        ((synthetic("ship"), of_people("do_not_ship")), ("base", "people")),
        ((synthetic("use_fusion"), of_people("ship")), ("tuned", "people")),
        ((synthetic("use_fusion"), typed("ship")), ("tuned", "people")),
        ((synthetic("use_fusion"), of_people("inconclusive")), ("base", "people")),
        ((of_people("inconclusive", 80, "a"), of_people("ship", 40, "b")), ("tuned", "b")),
        ((of_people("do_not_ship", 40, "a"), of_people("ship", 80, "b")), ("tuned", "b")),
        ((synthetic("ship", 50, "a"), synthetic("do_not_ship", 90, "b")), ("base", "b")),
    ],
)
def test_people_decide_before_synthetic_queries_and_firm_verdicts_before_open_ones(sets, expected):
    for given in (sets, sets[::-1]):
        decision = decide_by(given, "tuned")
        assert (decision.system, decision.queries) == expected


def test_before_an_evaluation_training_names_a_candidate(tmp_path):
    decision = decide(run(tmp_path))
    assert (decision.system, decision.evidence) == ("tuned", "training")
    assert "candidate (+0.043 ± 0.034 mean reciprocal rank on dev)" in decision.reason
    assert str(decision) == "tuned, training's candidate"
    assert decide(run(tmp_path, "base")).system == "base"


@pytest.mark.parametrize(("changed", "words"), [("model", "model"), ("dataset", "documents and queries")])
def test_a_stale_verdict_stays_and_is_named(tmp_path, caplog, changed, words):
    evaluate(tmp_path, results("do_not_ship"))
    decision = follow(run(tmp_path, outputs=OUTPUTS | {changed: {"x": "other"}}))
    assert (decision.system, decision.evidence) == ("base", "evaluation")
    assert decision.stale.startswith(f"{words} changed since; run `embedtune eval")
    assert "base is used by a decision that is stale" in caplog.text


def test_a_model_of_another_dataset_is_named_before_and_after_an_evaluation(tmp_path, caplog):
    mixed = run(tmp_path, trained_on={"corpus.jsonl": "other"})
    assert decide(mixed).stale.startswith("the dataset was made anew after the model was trained; run `embedtune train")
    evaluate(tmp_path, results("ship"))
    assert follow(mixed).system == "tuned"
    assert "made anew" in caplog.text


def test_where_training_shipped_the_base_nothing_tuned_is_named(tmp_path):
    evaluate(tmp_path, results("use_fusion"))
    assert decide(run(tmp_path, "base")).system == "hybrid_base"
    evaluate(tmp_path, results("ship"))
    assert decide(run(tmp_path, "base")).system == "base"
