"""Whatever serves or shows a run names the same system: that of the one decision."""

from __future__ import annotations

import shutil

import pytest

from embedtune.evaluation.decision import decide
from embedtune.integrations.langchain import EmbedtuneEmbeddings
from embedtune.integrations.llama_index import EmbedtuneEmbedding
from embedtune.models.locate import find_model
from embedtune.pipeline.model_cards import card_of
from embedtune.project.evaluation_records import EvaluationRecord
from embedtune.project.layout import DATASET, EVAL, MODEL
from embedtune.project.manifest import read_manifest, stage_folder
from embedtune.project.records import Record
from embedtune.project.trained_run import read_trained_run
from embedtune.reports.card import model_card
from embedtune.serving.comparison import compare
from embedtune.serving.retriever import Retriever
from embedtune.serving.windows import load_rows
from embedtune.snippets.routes import read_facts
from tests.records import comparison, results
from tests.served_runs import QUERIES

FUSION = (
    comparison("hybrid_base", "base", ci95=(0.01, 0.2), p=0.01),
    comparison("hybrid_base", "tuned", ci95=(0.01, 0.2), p=0.01),
)
RUNS = {
    "better": ("lora", results("ship"), "tuned"),
    "better, fused": ("lora", results("ship", *FUSION), "hybrid_tuned"),
    "worse": ("lora", results("do_not_ship"), "base"),
    "inconclusive": ("lora", results("inconclusive"), "base"),
    "fusion is enough": ("query-lora", results("use_fusion", *FUSION), "hybrid_base"),
    "queries alone": ("query-lora", results("ship_query_side"), "tuned"),
    "hybrid vector": ("hybrid-vector", results("ship"), "tuned"),
    "linear": ("linear", results("inconclusive"), "base"),
    "not evaluated": ("lora", None, "tuned"),
    "stale": ("lora", results("do_not_ship"), "base"),
}


def judged(run, found, *, stale=False):
    """Write an evaluation with these results."""
    outputs = {
        name: read_manifest(run / folder, Record).outputs for name, folder in (("dataset", DATASET), ("model", MODEL))
    }
    if stale:
        outputs["model"] = {"merged/model.safetensors": "another"}
    record = EvaluationRecord(queries=found.queries, shipped="tuned", sets={found.queries: found})
    with stage_folder(run / EVAL, {"stage": "eval", **outputs}) as stage:
        stage.record = record


@pytest.mark.parametrize("name", RUNS)
def test_all_name_the_same_system(name, tmp_path, served_run, caplog):
    method, found, expected = RUNS[name]
    run = shutil.copytree(served_run(method), tmp_path / "run")
    if found:
        judged(run, found, stale=name == "stale")
    trained = read_trained_run(run)
    model = expected.removeprefix("hybrid_")
    folder = trained.merged if model == "tuned" else find_model(trained.settings.model)

    assert decide(trained).system == expected
    assert Retriever.from_run(run).system == expected
    assert compare(run, QUERIES[0], 2).decision.system == expected
    facts = read_facts(run)
    assert (facts.decision.system, facts.merged) == (expected, folder.absolute())
    assert EmbedtuneEmbeddings(run=str(run)).embedder.folder == folder
    assert EmbedtuneEmbedding(run)._embedder.folder == folder
    assert (load_rows(run)[0].vector == load_rows(run, model)[0].vector).all()
    if found:
        card = model_card(card_of(trained.record, trained.settings, {}, 40, [found]))
        assert f"Decision: use {expected}." in card
    assert ("stale" in caplog.text) == (name == "stale")
