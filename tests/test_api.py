from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from transformers import TrainerCallback

import embedtune
from embedtune.api import evaluate_models, tune
from embedtune.dataset import Dataset
from embedtune.errors import ConfigError, DataError
from embedtune.project.manifest import verify
from embedtune.project.records import DatasetRecord, ModelRecord

THINGS = ("pump", "valve", "boiler", "filter", "belt", "lamp", "door", "motor", "fan", "sensor", "tank", "hose")
QUERIES = [f"{thing} of hall {number}" for thing in THINGS for number in range(5)]
TEXTS = [
    f"The {thing} in hall {number} is checked every {number + 2} weeks." for thing in THINGS for number in range(5)
]
QUICK = {"epochs": 1, "batch_size": 8, "n_evals": 1, "strengths": (1.0,), "quantize": "none", "window_tokens": 32}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return Dataset.from_pairs(QUERIES, TEXTS)


@pytest.fixture(scope="module")
def tuned(dataset, tiny_base, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "mine"
    return tune(SentenceTransformer(str(tiny_base)), dataset, run=run, **QUICK)


def test_public_names_load_nothing_heavy():
    script = (
        "import sys, time; start = time.perf_counter(); import embedtune; taken = time.perf_counter() - start\n"
        "names = [getattr(embedtune, name) for name in ('Dataset', 'fuse', 'Report')]\n"
        "print(taken, *[name for name in ('torch', 'transformers', 'pandas', 'faiss', 'datasets') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    taken, *heavy = result.stdout.split()
    assert heavy == [] and float(taken) < 1.0  # 0.02 s where nothing else runs


def test_every_public_name_is_there_and_documented():
    for name in embedtune.__all__:
        assert getattr(embedtune, name) is not None and (name == "__version__" or getattr(embedtune, name).__doc__)


def test_a_tuned_model_is_a_sentence_transformer_with_its_reasons(tuned):
    assert isinstance(tuned.model, SentenceTransformer) and tuned.kept in ("tuned", "base") and tuned.method == "lora"
    assert 0 <= tuned.base_mrr <= 1 and tuned.standard_error >= 0
    assert str(tuned).startswith(f"kept the {tuned.kept} model; lora changed MRR on dev from 0.")
    assert tuned.model.encode_query(["pump"]).shape == tuned.model.encode_document(["pump"]).shape


def test_a_run_folder_is_that_of_the_stages(tuned, dataset, tiny_base):
    recorded, trained = verify(tuned.folder / "dataset", DatasetRecord), verify(tuned.folder / "model", ModelRecord)
    assert (recorded.identity.stage, trained.identity.stage) == ("generate", "train")
    counts = {name: sum(kinds.values()) for name, kinds in recorded.record.queries.items()}
    assert counts == {name: len(queries.queries) for name, queries in dataset.splits.items()}
    again = tune(SentenceTransformer(str(tiny_base)), dataset, run=str(tuned.folder), **QUICK)
    assert str(again) == str(tuned) and verify(tuned.folder / "model", ModelRecord) == trained


def test_a_folder_gives_the_same_as_the_loaded_model_and_dev_is_taken_from_train(tuned, dataset, tiny_base):
    steps = []

    class Watch(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            steps.append(state.global_step)

    by_name = tune(tiny_base, dataset, callbacks=[Watch()], **QUICK)
    assert by_name.folder is None and steps
    for text in QUERIES[:3]:
        assert np.array_equal(by_name.model.encode_query([text]), tuned.model.encode_query([text]))
    train = Dataset.from_pairs(QUERIES, TEXTS, split="train")
    assert tune(tiny_base, train, "pca", window_tokens=32).method == "pca"


def test_wrong_settings_and_data_are_refused_before_any_work(dataset, tiny_base):
    with pytest.raises(ConfigError, match="learningrate: there is no such setting; did you mean 'learning_rate'"):
        tune(tiny_base, dataset, learningrate=1)
    with pytest.raises(ConfigError, match="did you mean 'query-lora'"):
        tune(tiny_base, dataset, "query_lora")
    with pytest.raises(ConfigError, match="found int"):
        tune(3, dataset)
    with pytest.raises(DataError, match="expected train queries") as caught:
        tune(tiny_base, Dataset.from_pairs(QUERIES, TEXTS, split="test"))
    assert "split()" in caught.value.hint


def test_models_are_compared_without_any_training(dataset, tiny_base, tuned):
    report = evaluate_models(
        {"base": Path(tiny_base), "mine": tuned.model}, dataset.split({"train": 0.2, "dev": 0.2, "test": 0.6}),
        measures=["ndcg@10", "P@1"], search=("dense", "hybrid", "bm25"),
    )  # fmt: skip
    assert list(report) == ["base", "mine", "hybrid_base", "hybrid_mine", "bm25"]
    assert list(report["mine"]) == ["ndcg@10", "P@1"] and report["bm25"]["P@1"] > 0.5
    found = report.compare("mine", "base")["ndcg@10"]
    assert found.difference == pytest.approx(report["mine"]["ndcg@10"] - report["base"]["ndcg@10"])
    assert report.verdict.decision in ("ship", "do_not_ship", "inconclusive") and "hybrid_mine" in str(report)


def test_what_cannot_be_evaluated_is_refused(dataset, tiny_base):
    with pytest.raises(ConfigError, match="found 'dens'"):
        evaluate_models({"base": tiny_base}, dataset, search=("dens",))
    with pytest.raises(ConfigError, match="at most 100"):
        evaluate_models({"base": tiny_base}, dataset, measures=["recall@1000"])
    with pytest.raises(ConfigError, match="one or more models"):
        evaluate_models({}, dataset)
    with pytest.raises(DataError, match="validation: expected queries"):
        evaluate_models({"base": tiny_base}, dataset, split="validation")


def test_queries_that_are_passages_do_not_find_themselves():
    """A perfect search of ArguAna's form has nDCG 1."""
    sides = {
        "zoos": (
            "Zoos should be closed because animals suffer in cages.",
            "Zoos keep species alive; animals are bred in zoos.",
        ),
        "cars": ("Cars must leave the city because the air is bad.", "Cars bring people to shops in the city."),
    }
    passages = {f"{name}-{side}": text for name, pair in sides.items() for side, text in zip("ab", pair, strict=True)}
    queries = {name: text for name, text in passages.items() if name.endswith("a")}
    qrels = {name: {f"{name[:-1]}b": 1} for name in queries}
    dataset = Dataset.from_pairs(queries, passages, qrels, split="test")
    search = ("dense", "hybrid", "rerank", "bm25")
    report = evaluate_models(
        {"base": "sentence-transformers/all-MiniLM-L6-v2"}, dataset, measures=["ndcg@10"], search=search
    )
    assert [report[system]["ndcg@10"] for system in report] == [1.0] * 4
