"""Each way to tune, on a random model of two layers: what is written, what loads, and what stays as it was."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

import embedtune
from embedtune.training.methods import teacher as teaching
from embedtune.training.methods.hybrid_vector import _same_share
from tests.small_runs import make_dataset

TEXTS = ["plates come out cloudy", "stitches skip"]
SETTINGS = {
    "quantize": "none",
    "batch_size": 8,
    "max_pairs": 64,
    "n_evals": 1,
    "query_side": {
        "batch_size": 16,
        "epochs": 16,
        "positive_boost": 20,
        "hubness_weight": 0,
        "learning_rate": 1e-2,
        "linear_learning_rate": 0.05,
    },
}


@pytest.fixture(scope="module")
def drawn(passages, tmp_path_factory):
    """Draw nothing: some passages have a query that no random model can guess, and dev asks what training has seen."""
    return _dataset(passages, tmp_path_factory, lambda n, passage: f"item {n * 7919}")


@pytest.fixture(scope="module")
def worded(passages, tmp_path_factory):
    """Make queries that hold some words of their passage too."""
    return _dataset(
        passages, tmp_path_factory, lambda n, passage: f"item {n * 7919} {' '.join(passage.text.split()[3:6])}"
    )


def _dataset(passages, tmp_path_factory, ask):
    run, source = tmp_path_factory.mktemp("drawn") / "run", tmp_path_factory.mktemp("source")
    asked = passages[:48]
    rows = [{"_id": passage.passage_id, "title": "", "text": passage.text} for passage in passages]
    _write_rows(source / "corpus.jsonl", rows)
    _write_rows(
        source / "queries.jsonl", [{"_id": f"q{n}", "text": ask(n, passage)} for n, passage in enumerate(asked)]
    )
    judged = "".join(f"q{n}\t{passage.passage_id}\t1\n" for n, passage in enumerate(asked))
    (source / "qrels").mkdir()
    for split in ("train", "dev", "test"):
        (source / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)
    return run, make_dataset(run, source, tmp_path_factory.mktemp("base"), queries_from="source")


def _write_rows(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def train(drawn, tmp_path_factory):
    """Train a copy of the run, once for all tests that ask for the same; return its folder, that of the base, and the record."""
    done = {}

    def call(**settings):
        key = json.dumps(settings, sort_keys=True)
        if key not in done:
            done[key] = anew(**settings)
        return done[key]

    def anew(dataset=drawn, **settings):
        run, base = dataset
        copy = tmp_path_factory.mktemp("trained") / "run"
        shutil.copytree(run, copy)
        result = embedtune.train(embedtune.TrainConfig(**{**SETTINGS, **settings}), copy)
        return copy, base, result.record

    call.anew = anew
    return call


@pytest.mark.parametrize(("method", "teacher"), [("query-lora", "hybrid"), ("linear", "bm25")])
def test_queries_learn_and_passages_stay_the_base_to_the_bit(train, method, teacher):
    run, base_folder, record = train(method=method, teacher=teacher)
    assert record.shipped == "tuned"
    assert record.queries_only
    assert record.losses[-1] < record.losses[0]
    base, tuned = SentenceTransformer(str(base_folder)), SentenceTransformer(str(run / "model" / "merged"))
    assert np.array_equal(tuned.encode_document(TEXTS), base.encode_document(TEXTS))
    assert np.abs(tuned.encode_query(TEXTS) - base.encode_query(TEXTS)).max() > 1e-3
    assert (run / "model" / "adapter").exists() == (method == "query-lora")


def test_eval_searches_the_index_of_the_base_and_ships_the_query_side(train):
    run, _, _ = train(method="query-lora", teacher="hybrid")
    record = embedtune.evaluate(embedtune.EvaluateConfig(), run).record
    assert record.systems["tuned"]["ndcg@10"] > record.systems["base"]["ndcg@10"]
    assert record.verdict.decision in {"ship_query_side", "use_fusion", "inconclusive"}
    assert record.forgetting.strengths
    (drift,) = [each.drift for each in record.forgetting.sets.values()]
    assert drift.passage_cosine == pytest.approx(1)


def test_auto_tries_the_ladder_and_says_why(train, caplog):
    run, _, record = train(method="auto", auto_methods=("pca", "linear"))
    assert [rung.method for rung in record.candidates] == ["pca", "linear"]
    assert all(rung.reason for rung in record.candidates)
    assert record.method in {"pca", "linear"}
    assert 0 < record.candidates[0].directions < 64
    record = embedtune.evaluate(embedtune.EvaluateConfig(), run).record
    assert "base_pca" in record.systems


@pytest.mark.parametrize(
    "auto_methods", [pytest.param(("hybrid-vector",), marks=pytest.mark.slow), ("linear", "hybrid-vector")]
)
def test_words_stand_beside_the_vectors_of_what_was_best_before(train, worded, auto_methods):
    run, base_folder, record = train.anew(worded, method="auto", auto_methods=auto_methods, sketch_dimensions=256)
    assert (record.method, record.shipped, record.queries_only) == ("hybrid-vector", "tuned", False)
    assert record.over == ([*auto_methods[:-1], "base"])[0]
    assert "trust_remote_code=True" in record.loading
    assert record.fusion_weights["tuned"] > record.fusion_weights["base"]
    base = SentenceTransformer(str(base_folder))
    tuned = SentenceTransformer(str(run / "model" / "merged"), trust_remote_code=True)
    vectors, plain = tuned.encode_document(TEXTS), base.encode_document(TEXTS, normalize_embeddings=True)
    assert vectors.shape == (2, plain.shape[1] + 256)
    meaning = vectors[:, : plain.shape[1]] / np.linalg.norm(vectors[:, : plain.shape[1]], axis=1, keepdims=True)
    assert meaning == pytest.approx(plain, abs=1e-6)
    measured = embedtune.evaluate(embedtune.EvaluateConfig(), run).record
    assert {"base", "tuned", "hybrid_tuned"} <= measured.systems.keys()
    assert measured.forgetting.strengths == []  # no line leads from short vectors to long ones


def test_fusion_leaves_words_the_share_that_they_have_with_the_base():
    for weight, share in ((0.5, 0.35), (0.8, 0.0875), (0.6, 0.23)):
        spread = (1 + share**2) ** 0.5
        tuned = _same_share(weight, share, spread)
        words, meaning = tuned * share / spread + 1 - tuned, tuned / spread
        assert words / meaning == pytest.approx((1 - weight) / weight, rel=0.25)  # to a twentieth
        assert tuned > weight


def test_a_ladder_that_gains_nothing_ships_the_base(train):
    still = {**SETTINGS["query_side"], "learning_rate": 1e-9, "linear_learning_rate": 1e-9, "epochs": 1}
    run, base_folder, record = train(method="auto", auto_methods=("linear", "query-lora"), query_side=still)
    assert record.shipped == "base"
    assert not record.queries_only
    base, shipped = SentenceTransformer(str(base_folder)), SentenceTransformer(str(run / "model" / "merged"))
    assert np.array_equal(shipped.encode(TEXTS), base.encode(TEXTS))


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_with_and_without_the_cache(train):
    first, _, _ = train(method="query-lora", teacher="hybrid")
    second, _, _ = train.anew(method="query-lora", teacher="hybrid")
    weights = sorted(path.relative_to(first) for path in (first / "model").rglob("*.safetensors"))
    assert len(weights) == 3  # the adapter and two towers
    assert all((first / path).read_bytes() == (second / path).read_bytes() for path in weights)


def test_vectors_of_the_corpus_are_kept_for_eval(train):
    run, _, _ = train(method="query-lora", teacher="hybrid")
    assert len(list((run / ".vectors").glob("*.npy"))) == 1


def test_a_cross_encoder_teaches_from_a_sample_that_holds_every_source(train, drawn, tmp_path):
    folder = _cross_encoder(tmp_path / "judge", drawn[1])
    small = {**SETTINGS["query_side"], "max_passages": 100, "max_queries": 32, "epochs": 2}
    _, _, record = train(method="query-lora", teacher=f"cross-encoder:{folder}", query_side=small)
    assert record.teacher.startswith("cross-encoder:")
    assert record.queries == 32
    assert record.steps == len(record.losses) == 4


def test_an_unknown_teacher_is_refused():
    with pytest.raises(ValueError, match="teacher"):
        embedtune.TrainConfig(teacher="oracle")


def test_too_few_queries_for_a_batch_are_named(train):
    with pytest.raises(embedtune.DataError, match="at least 5000 train queries"):
        train(method="query-lora", query_side={"batch_size": 5000})


def test_principal_directions_need_no_train_query_and_no_teacher(train, monkeypatch):
    monkeypatch.setattr(teaching, "BM25", None)
    _, _, record = train(method="pca", query_side={"batch_size": 5000})
    assert record.method == "pca"
    assert 0 < record.directions < 64


def _cross_encoder(folder, base):
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    tokenizer = AutoTokenizer.from_pretrained(str(base))
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=len(tokenizer), num_labels=1, max_position_embeddings=256, **shape)
    BertForSequenceClassification(config).save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    return folder
