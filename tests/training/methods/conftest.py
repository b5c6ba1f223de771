"""Trainings of a random model of two layers, each done once for all tests."""

from __future__ import annotations

import json
import shutil

import pytest

import embedtune
from tests.small_runs import make_dataset

SETTINGS = {
    "quantize": "none",
    "batch_size": 8,
    "max_pairs": 64,
    "n_evals": 1,
    # Of synthetic queries, where those of judged ones would follow from the labels.
    "hard_negatives": 0,
    "query_epochs": 0,
    "ship_errors": 1.0,
    "epochs": 1,
    "learning_rate": 5e-4,
    "distill_weight": 0.5,
    "max_dev_windows": 1000,
    "teacher": "hybrid",
    "query_side": {
        "batch_size": 16,
        "epochs": 16,
        "positive_boost": 20,
        "hubness_weight": 0,
        "learning_rate": 1e-2,
        "linear_learning_rate": 0.05,
    },
}


@pytest.fixture(scope="session")
def numbered(passages, tmp_path_factory):
    """A dataset with queries of numbers, which no random model can guess; dev has the queries of training."""
    return _dataset(passages, tmp_path_factory, lambda n, passage: f"item {n * 7919}")


@pytest.fixture(scope="session")
def worded(passages, tmp_path_factory):
    """A dataset whose queries share some words with their passages too."""
    return _dataset(
        passages, tmp_path_factory, lambda n, passage: f"item {n * 7919} {' '.join(passage.text.split()[3:6])}"
    )


def _dataset(passages, tmp_path_factory, query_of):
    run, source = tmp_path_factory.mktemp("dataset") / "run", tmp_path_factory.mktemp("source")
    sources = passages[:48]
    rows = [{"_id": passage.passage_id, "title": "", "text": passage.text} for passage in passages]
    _write_rows(source / "corpus.jsonl", rows)
    _write_rows(
        source / "queries.jsonl", [{"_id": f"q{n}", "text": query_of(n, passage)} for n, passage in enumerate(sources)]
    )
    judged = "".join(f"q{n}\t{passage.passage_id}\t1\n" for n, passage in enumerate(sources))
    (source / "qrels").mkdir()
    for split in ("train", "dev", "test"):
        (source / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)
    return run, make_dataset(run, source, tmp_path_factory.mktemp("base"), queries_from="source")


def _write_rows(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="session")
def train(numbered, tmp_path_factory):
    """Return a function that trains a copy of the run, the same settings only once: its folder, that of the base, the record.

    ``train.again`` trains in any case, ``train.settings`` are those that every training has.
    """
    done = {}

    def once(**settings):
        key = json.dumps(settings, sort_keys=True)
        if key not in done:
            done[key] = again(**settings)
        return done[key]

    def again(dataset=numbered, callbacks=(), **settings):
        run, base = dataset
        copy = tmp_path_factory.mktemp("trained") / "run"
        shutil.copytree(run, copy)
        config = embedtune.TrainConfig(**{**SETTINGS, **settings})
        return copy, base, embedtune.train(config, copy, callbacks=callbacks).record

    once.again, once.settings = again, SETTINGS
    return once
