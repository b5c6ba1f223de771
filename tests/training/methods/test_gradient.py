from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from transformers import TrainerCallback

import embedtune
from embedtune.training.updates.registry import UPDATES


def test_callbacks_and_arguments_reach_the_trainer(train):
    seen = []

    class Watch(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            seen.append((state.global_step, args.optim, args.gradient_accumulation_steps))

    arguments = {"gradient_accumulation_steps": 2, "optim": "sgd", "report_to": "tensorboard"}
    run, _, record = train.again(method="lora", n_evals=2, trainer_args=arguments, callbacks=[Watch()])
    n_steps = record.steps
    assert seen == [(step, "sgd", 2) for step in range(1, n_steps + 1)]
    assert n_steps == -(-(record.pairs // 8) // 2)
    assert [int(step) for step in record.dev.by_step] == [n_steps // 2, n_steps]
    assert list((run / "logs" / "lora").rglob("events.out.tfevents.*"))
    assert not (run / ".checkpoints").exists()
    assert (
        embedtune.train(
            embedtune.TrainConfig(**{**train.settings, "method": "lora", "n_evals": 2, "trainer_args": arguments}), run
        ).status
        == "skipped"
    )


def test_both_sides_are_trained_on_pairs_and_written(train):
    run, _, record = train(method="lora")
    assert record.method == "lora"
    assert not record.queries_only
    rows = [json.loads(line) for line in (run / "model" / "pairs.jsonl").read_text().splitlines()]
    assert len(rows) == record.pairs <= 64
    assert rows[0].keys() == {"query_id", "anchor", "positive"}


def test_batches_shrink_where_pairs_are_few(train, caplog):
    caplog.set_level("INFO", "embedtune")
    _, _, record = train(method="lora", batch_size=5000)
    assert record.steps >= 1
    assert any(line.startswith("batches of ") for line in caplog.messages)


TEXTS = ["plates come out cloudy", "stitches skip"]


@pytest.mark.parametrize("method", ["lora", pytest.param("full", marks=pytest.mark.slow)])
def test_queries_go_on_over_the_tuned_corpus_with_mined_negatives(train, method):
    run, base_folder, record = train(method=method, hard_negatives=1, query_epochs=2, ship_errors=0, distill_weight=0)
    rows = [json.loads(line) for line in (run / "model" / "pairs.jsonl").read_text().splitlines()]
    assert all(row["negative_1"] not in row["positive"] for row in rows)
    assert record.queries  # the second part won on dev
    base, tuned = SentenceTransformer(str(base_folder)), SentenceTransformer(str(run / "model" / "merged"))
    documents = tuned.encode_document(TEXTS)
    assert np.abs(documents - base.encode_document(TEXTS)).max() > 1e-3
    assert np.abs(documents - tuned.encode_query(TEXTS)).max() > 1e-3
    assert record.passages == "tuned"
    assert len(list((run / ".vectors").glob("*.npy"))) == 2  # the corpus by the base, and by the model that is shipped


def test_dev_chooses_the_rate_at_which_queries_go_on(train, monkeypatch):
    losses = []
    for rates in [(1e-9, 5e-4), (5e-4,)]:
        monkeypatch.setitem(UPDATES, "lora", UPDATES["lora"]._replace(query_rates=rates))
        _, _, record = train(method="lora", hard_negatives=1, query_epochs=2, ship_errors=0, distill_weight=0)
        losses.append(record.losses)
    assert losses[0] == losses[1]


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


def test_eval_searches_the_index_of_the_base_and_ships_the_query_side(train, tmp_path):
    # Of a copy: the run is other tests' too.
    run = shutil.copytree(train(method="query-lora", teacher="hybrid")[0], tmp_path / "run")
    record = embedtune.evaluate(embedtune.EvaluateConfig(), run).record
    assert record.systems["tuned"]["ndcg@10"] > record.systems["base"]["ndcg@10"]
    assert record.verdict.decision in {"ship_query_side", "use_fusion", "inconclusive"}
    assert record.forgetting.strengths
    (drift,) = [each.drift for each in record.forgetting.sets.values()]
    assert drift.passage_cosine == pytest.approx(1, abs=1e-4)  # bf16 rounds by what else is in a batch


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_with_and_without_the_cache(train):
    first, _, _ = train(method="query-lora", teacher="hybrid")
    second, _, _ = train.again(method="query-lora", teacher="hybrid")
    weights = sorted(path.relative_to(first) for path in (first / "model").rglob("*.safetensors"))
    assert len(weights) == 3  # the adapter and two towers
    assert all((first / path).read_bytes() == (second / path).read_bytes() for path in weights)
