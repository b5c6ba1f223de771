"""Each way to tune, on a random model of two layers: what is written, what loads, and what stays as it was."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

import embedtune
from tests.small_runs import make_dataset

TEXTS = ["plates come out cloudy", "stitches skip"]
SETTINGS = {
    "quantize": "none",
    "batch_size": 8,
    "max_pairs": 64,
    "checks": 1,
    "query_side": {"batch_size": 16, "epochs": 6, "learning_rate": 3e-3, "linear_learning_rate": 1e-2},
}


@pytest.fixture(scope="module")
def drawn(document_folder, tmp_path_factory):
    run = tmp_path_factory.mktemp("drawn") / "run"
    base = make_dataset(
        run, document_folder, tmp_path_factory.mktemp("base"), split={"train": 0.6, "dev": 0.4, "test": 0}
    )
    return run, base


@pytest.fixture(scope="module")
def train(drawn, tmp_path_factory):
    """Train a copy of the run; return its folder, that of the base, and the facts."""

    def call(**settings):
        run, base = drawn
        copy = tmp_path_factory.mktemp("trained") / "run"
        shutil.copytree(run, copy)
        result = embedtune.train(embedtune.TrainConfig(**{**SETTINGS, **settings}), copy)
        return copy, base, result.facts

    return call


@pytest.mark.parametrize("method", ["query-lora", "linear"])
@pytest.mark.parametrize("teacher", ["hybrid", "bm25", "none"])
def test_queries_learn_and_passages_stay_the_base_to_the_bit(train, method, teacher):
    run, base_folder, facts = train(method=method, teacher=teacher)
    assert facts["shipped"] == "tuned"
    assert facts["queries_only"]
    assert facts["losses"][-1] < facts["losses"][0]
    base, tuned = SentenceTransformer(str(base_folder)), SentenceTransformer(str(run / "model" / "merged"))
    assert np.array_equal(tuned.encode_document(TEXTS), base.encode_document(TEXTS))
    assert np.abs(tuned.encode_query(TEXTS) - base.encode_query(TEXTS)).max() > 1e-3
    assert (run / "model" / "adapter").exists() == (method == "query-lora")


def test_eval_searches_the_index_of_the_base_and_ships_the_query_side(train):
    run, _, _ = train(method="query-lora")
    facts = embedtune.evaluate(embedtune.EvaluateConfig(queries=(str(_labelled(run)),)), run).facts
    assert facts["systems"]["tuned"]["ndcg@10"] > facts["systems"]["base"]["ndcg@10"]
    assert facts["verdict"]["decision"] in {"ship_query_side", "use_fusion", "inconclusive"}
    assert facts["forgetting"]["strengths"]
    (drift,) = [each["drift"] for each in facts["forgetting"]["sets"].values()]
    assert drift["passage_cosine"] == pytest.approx(1)


def test_auto_tries_the_ladder_and_says_why(train, caplog):
    run, _, facts = train(method="auto", ladder=("pca", "linear", "query-lora"))
    assert [rung["method"] for rung in facts["attempts"]] == ["pca", "linear", "query-lora"]
    assert all(rung["reason"] for rung in facts["attempts"])
    assert facts["method"] in {"pca", "linear", "query-lora"}
    assert 0 < facts["attempts"][0]["directions"] < 64
    facts = embedtune.evaluate(embedtune.EvaluateConfig(queries=(str(_labelled(run)),)), run).facts
    assert "base_pca" in facts["systems"]


def test_a_ladder_that_gains_nothing_ships_the_base(train):
    still = {**SETTINGS["query_side"], "learning_rate": 1e-9, "linear_learning_rate": 1e-9, "epochs": 1}
    run, base_folder, facts = train(method="auto", ladder=("linear", "query-lora"), query_side=still)
    assert facts["shipped"] == "base"
    assert not facts["queries_only"]
    base, shipped = SentenceTransformer(str(base_folder)), SentenceTransformer(str(run / "model" / "merged"))
    assert np.array_equal(shipped.encode(TEXTS), base.encode(TEXTS))


def test_the_same_seed_gives_the_same_bytes_and_the_cache_changes_none(train):
    first, _, _ = train(method="query-lora")
    second, _, _ = train(method="query-lora")
    assert list((first / ".vectors").glob("*.npy"))
    shutil.rmtree(first / ".vectors")
    again = embedtune.train(embedtune.TrainConfig(**SETTINGS, method="query-lora"), first, force=True)
    assert again.status == "done"
    for file in sorted((second / "model").rglob("*.safetensors")):
        assert file.read_bytes() == (first / "model" / file.relative_to(second / "model")).read_bytes()


def test_a_cross_encoder_teaches(train, drawn, tmp_path):
    folder = _cross_encoder(tmp_path / "judge", drawn[1])
    _, _, facts = train(method="query-lora", teacher=f"cross-encoder:{folder}")
    assert facts["teacher"].startswith("cross-encoder:")
    assert facts["losses"][-1] < facts["losses"][0]


def test_a_large_corpus_is_sampled_and_every_source_stays_in(train):
    settings = {**SETTINGS["query_side"], "max_passages": 100, "max_queries": 32}
    _, _, facts = train(method="query-lora", query_side=settings)
    assert facts["queries"] == 32


def test_an_unknown_teacher_is_refused():
    with pytest.raises(ValueError, match="teacher"):
        embedtune.TrainConfig(teacher="oracle")


def test_too_few_queries_for_a_batch_are_named(train):
    with pytest.raises(embedtune.DataError, match="at least 5000 train queries"):
        train(method="query-lora", query_side={"batch_size": 5000})


def _labelled(run):
    """Write the generated dev queries as a set to evaluate on."""
    folder = run.parent / "labelled"
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    for name in ("corpus.jsonl", "queries.jsonl"):
        shutil.copy(run / "dataset" / name, folder / name)
    shutil.copy(run / "dataset" / "qrels" / "dev.tsv", folder / "qrels" / "test.tsv")
    return folder


def _cross_encoder(folder, base):
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    tokenizer = AutoTokenizer.from_pretrained(str(base))
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=len(tokenizer), num_labels=1, max_position_embeddings=256, **shape)
    BertForSequenceClassification(config).save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    return folder
