"""generate → train → eval: what lies on disk, and what a second run does."""

import csv
import json
from pathlib import Path

import pytest

import embedtune
from embedtune.config.settings import DEFAULT_MODEL
from embedtune.evaluation.measures import MEASURES, means, per_query
from embedtune.formats.beir import read_qrels
from embedtune.formats.run_files import read_run
from embedtune.project.evaluation_records import EvaluationRecord
from embedtune.project.manifest import verify
from embedtune.project.records import DatasetRecord, ModelRecord

SYSTEMS = [
    "bm25", "base", "base_quantized", "tuned", "hybrid_base", "hybrid_tuned", "rrf_base", "rrf_tuned",
    "rerank_base", "rerank_tuned",
]  # fmt: skip


def test_the_run_folder_holds_the_files_of_the_contract(trained_run):
    out, _, _ = trained_run
    expected = [
        *(f"dataset/{name}" for name in ("corpus.jsonl", "queries.jsonl", "skipped.tsv", "manifest.json")),
        *(f"dataset/qrels/{split}.tsv" for split in ("train", "dev", "test")),
        "model/adapter/adapter_config.json",
        "model/adapter/adapter_model.safetensors",
        "model/merged/modules.json",
        "model/merged/model.safetensors",
        "model/merged/README.md",
        "model/pairs.jsonl",
        "model/manifest.json",
        *(f"eval/{system}.run.trec" for system in SYSTEMS),
        *(
            f"eval/{name}"
            for name in ("per_query.tsv", "metrics.json", "report.html", "report.md", "report.json", "manifest.json")
        ),
        "eval/model_card.md",
    ]
    assert [name for name in expected if not (out / name).is_file()] == []
    for stage, record in (("dataset", DatasetRecord), ("model", ModelRecord), ("eval", EvaluationRecord)):
        verify(out / stage, record)


def test_metrics_json_has_every_system_and_measure_in_order(trained_run):
    out, _, _ = trained_run
    metrics = json.loads((out / "eval" / "metrics.json").read_text())
    assert metrics["schema_version"] == 1
    assert metrics["shipped"] == "tuned"
    assert list(metrics["systems"]) == SYSTEMS
    assert all(list(values) == list(MEASURES) for values in metrics["systems"].values())


def test_the_trec_files_give_the_measures_again(trained_run):
    out, config, _ = trained_run
    metrics = json.loads((out / "eval" / "metrics.json").read_text())
    qrels = read_qrels(Path(config.eval.queries[0]) / "qrels" / "test.tsv")
    for system in SYSTEMS:
        found = means(per_query(qrels, read_run(out / "eval" / f"{system}.run.trec")))
        assert {name: round(value, 6) for name, value in found.items()} == metrics["systems"][system]


def test_comparisons_follow_from_the_scores_of_each_query(trained_run):
    out, _, _ = trained_run
    metrics = json.loads((out / "eval" / "metrics.json").read_text())
    with (out / "eval" / "per_query.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    pairs = {(row["a"], row["b"]) for row in metrics["comparisons"]}
    assert {("tuned", "base"), ("hybrid_tuned", "hybrid_base"), ("base_quantized", "base"), ("tuned", "bm25")} <= pairs
    assert len(metrics["comparisons"]) == len(pairs) * len(MEASURES)
    for row in metrics["comparisons"]:
        a, b = ([float(one[row["measure"]]) for one in rows if one["system"] == row[side]] for side in "ab")
        differences = [after - before for after, before in zip(a, b, strict=True)]
        assert row["delta"] == pytest.approx(sum(differences) / len(differences), abs=1e-5)
        assert row["n_changed"] == sum(difference != 0 for difference in differences)
        assert row["ci95"][0] <= row["delta"] <= row["ci95"][1]


def test_the_verdict_and_the_slices_are_in_metrics_json(trained_run):
    out, _, results = trained_run
    metrics = json.loads((out / "eval" / "metrics.json").read_text())
    assert metrics["verdict"]["decision"] in ("ship", "use_fusion", "do_not_ship", "inconclusive")
    assert metrics["verdict"]["reasons"]
    assert metrics["clustered_by"] == "document"
    assert 20 <= metrics["n_clusters"] < metrics["n_queries"]
    for pair in (("tuned", "base"), ("hybrid_tuned", "hybrid_base")):
        chosen = [row for row in metrics["slices"] if (row["a"], row["b"], row["by"]) == (*pair, "lexical_overlap")]
        assert sum(row["n_queries"] for row in chosen) == metrics["n_queries"]
    assert results["train"].record.dev.n_clusters > 1


def test_training_sees_no_dev_test_or_hand_written_query(trained_run):
    out, _, _ = trained_run
    anchors = {json.loads(line)["query_id"] for line in (out / "model" / "pairs.jsonl").read_text().splitlines()}
    train = read_qrels(out / "dataset" / "qrels" / "train.tsv")
    assert len(anchors) > 80
    assert anchors <= train.keys()


def test_no_document_is_on_two_sides(trained_run):
    out, _, _ = trained_run
    document_of = {}
    for line in (out / "dataset" / "corpus.jsonl").read_text().splitlines():
        row = json.loads(line)
        document_of[row["_id"]] = row["metadata"]["document_id"]
    # A query's own passage is the first it judges; passages that say the same follow.
    sides = {
        split: {
            document_of[next(iter(judged))]
            for judged in read_qrels(out / "dataset" / "qrels" / f"{split}.tsv").values()
        }
        for split in ("dev", "test")
    }
    assert sides["dev"] and sides["test"]
    assert not sides["dev"] & sides["test"]


def test_a_second_run_skips_everything_and_returns_the_same(trained_run):
    _, config, results = trained_run
    again = embedtune.run(config)
    assert [result.status for result in again.values()] == ["skipped"] * 3
    assert {name: result.as_json() for name, result in again.items()} == {
        name: json.loads(json.dumps(result.as_json())) for name, result in results.items()
    }


def test_a_changed_setting_runs_only_what_depends_on_it(trained_run):
    out, config, _ = trained_run
    plan = embedtune.evaluate(embedtune.EvaluateConfig(), out, dry_run=True)
    assert plan.plan.would_run is True
    assert embedtune.train(config.train, out, dry_run=True).plan.would_run is False
    other = config.train.model_copy(update={"learning_rate": 2e-4})
    assert embedtune.train(other, out, dry_run=True).plan.would_run is True


def test_no_path_of_this_machine_is_in_the_model(trained_run):
    out, _, _ = trained_run
    config = json.loads((out / "model" / "adapter" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == DEFAULT_MODEL
    files = [path for path in (out / "model").rglob("*.json") if path.name != "manifest.json"]
    assert len(files) > 5
    assert [path.name for path in files if str(out.parent) in path.read_text()] == []
