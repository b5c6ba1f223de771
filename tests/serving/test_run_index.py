from __future__ import annotations

from pathlib import Path

import pytest

from embedtune.config.settings import GenerateConfig
from embedtune.errors import ConfigError, DataError
from embedtune.project.evaluation_records import EvaluationRecord
from embedtune.project.manifest import Manifest, stage_folder
from embedtune.project.records import ModelRecord, Record
from embedtune.project.trained_run import TrainedRun
from embedtune.serving.retriever import Retriever
from embedtune.serving.run_index import RunIndex, check_system, choose_system
from embedtune.systems import served_systems
from tests.records import comparison, results
from tests.served_runs import QUERIES

OUTPUTS = {"dataset": {"corpus.jsonl": "c"}, "model": {"merged/x": "m"}}


def run(folder: Path, shipped="tuned"):
    return TrainedRun(
        folder,
        Manifest(record=Record(), outputs=OUTPUTS["dataset"]),
        Manifest(record=ModelRecord(shipped=shipped), outputs=OUTPUTS["model"]),
        GenerateConfig(source=""),
    )


def row(a, b, low, p=0.01, measure="ndcg@10"):
    return comparison(a, b, measure=measure, ci95=(low, 0.2), p=p)


def of_sets(**sets):
    return EvaluationRecord(queries=", ".join(sets), shipped="tuned", sets=sets)


def judged(decision, *comparisons):
    return of_sets(own=results(decision, *comparisons))


def evaluate(folder, record, model=OUTPUTS["model"]):
    with stage_folder(folder / "eval", {"stage": "eval", "dataset": OUTPUTS["dataset"], "model": model}) as stage:
        stage.record = record


FUSION_WINS = (row("hybrid_base", "base", 0.01), row("hybrid_base", "tuned", 0.01))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (judged("ship"), "tuned"),
        (judged("ship_query_side"), "tuned"),
        (judged("ship", *FUSION_WINS), "hybrid_tuned"),
        (judged("ship", FUSION_WINS[0], row("hybrid_base", "tuned", 0.01, p=0.2)), "tuned"),
        (judged("ship", FUSION_WINS[0], row("hybrid_base", "tuned", 0.01, measure="mrr@10")), "tuned"),
        (judged("use_fusion", *FUSION_WINS), "hybrid_base"),
        (judged("do_not_ship"), "base"),
        (judged("inconclusive"), "base"),
        (of_sets(a=results("ship"), b=results("ship_query_side")), "tuned"),
        (of_sets(a=results("ship"), b=results("do_not_ship")), "tuned"),
    ],
)
def test_auto_follows_the_verdict(tmp_path, record, expected):
    evaluate(tmp_path, record)
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
    served = [str(system) for system in served_systems(tuned=shipped_base.record.is_tuned)]
    assert served == ["bm25", "base", "hybrid_base", "rrf_base", "rerank_base"]
    with pytest.raises(DataError, match="training shipped the base"):
        check_system(shipped_base, "rrf_tuned")


def test_systems_share_models_and_vectors(served_run):
    opened = RunIndex(served_run("query-lora", evaluated=True))
    first, second = Retriever(opened, "tuned"), Retriever(opened, "hybrid_tuned")
    assert first.embedder is second.embedder
    assert first.embedder is opened.embedder("tuned")
    assert Retriever(opened, "bm25").embedder is None
    assert opened.systems[0] == "bm25"


def test_precision_is_that_of_the_evaluation(served_run):
    assert RunIndex(served_run("query-lora", evaluated=True)).embedder("base").precision == "fp32"
    assert RunIndex(served_run("lora"), precision="bf16").embedder("base").precision == "bf16"


def test_a_depth_of_nothing_is_refused(served_run):
    with pytest.raises(ConfigError, match="depth: expected 1 or more"):
        RunIndex(served_run("lora"), depth=0)


def test_answers_are_the_same_whatever_was_asked_before(served_run):
    run = served_run("query-lora", prompts=True, evaluated=True)
    kept, afresh = (Retriever.from_run(run, "rerank_base", token_memory=memory) for memory in (64, 0))
    for query in (*QUERIES[:6], *QUERIES[:6]):
        mine, theirs = (
            {hit.passage.passage_id: hit.score for hit in each.retrieve(query, 20)} for each in (kept, afresh)
        )
        # As over a store: a random model's cosines lie close together, and batches of other lengths round their last bits.
        assert mine == pytest.approx(theirs, abs=2e-4)


def test_less_than_no_memory_is_refused(served_run):
    run = served_run("lora")
    with pytest.raises(ConfigError, match="expected 0 MiB or more, found -1"):
        RunIndex(run, token_memory=-1)
