from __future__ import annotations

from pathlib import Path

import pytest

from embedtune.config.settings import GenerateConfig
from embedtune.config.training import TrainConfig
from embedtune.errors import DataError
from embedtune.project.manifest import Identity, Manifest
from embedtune.project.records import DatasetRecord, ModelRecord, Record
from embedtune.project.trained_run import TrainedRun, check_comparable, dataset_settings, differ_in_seed_only


def run(name="a", seed=0, split_seed=0, base="b", corpus="c", qrels="q", **settings):
    made = GenerateConfig(source="docs", seed=split_seed)
    outputs = {"corpus.jsonl": corpus, "qrels/test.tsv": qrels}
    config = TrainConfig(seed=seed, **settings).model_dump(mode="json")
    return TrainedRun(
        Path(name),
        Manifest(
            record=Record(), outputs=outputs, identity=Identity(config=made.model_dump(mode="json", exclude={"source"}))
        ),
        Manifest(record=ModelRecord(shipped="tuned"), identity=Identity(config=config, model=base)),
        made,
    )


def test_only_seeds_of_one_recipe_are_summed_up():
    assert differ_in_seed_only([run(), run(seed=1), run(seed=1, split_seed=1)])
    assert not differ_in_seed_only([run()])
    assert not differ_in_seed_only([run(), run()])
    assert not differ_in_seed_only([run(), run(seed=1, epochs=2)])
    assert not differ_in_seed_only([run(), run(seed=1, base="other")])


def test_a_run_over_another_corpus_is_refused():
    with pytest.raises(DataError, match="expected the corpus of a, found another"):
        check_comparable(run(), run("x", corpus="other"), own_queries=True)


def test_a_run_that_may_have_trained_on_the_test_split_is_refused():
    check_comparable(run(), run("x", qrels="other"), own_queries=True)
    check_comparable(run(), run("x"), own_queries=False)
    with pytest.raises(DataError, match="may have seen the test queries"):
        check_comparable(run(), run("x", qrels="other"), own_queries=False)


def test_settings_that_there_are_not_are_told_with_their_name():
    dataset = Manifest[DatasetRecord].model_construct(
        identity=Identity(config={"model": "x", "question_share": float("nan")})
    )
    with pytest.raises(DataError, match="manifest: expected settings of generate, found question_share: "):
        dataset_settings(dataset)
