from __future__ import annotations

from pathlib import Path

import pytest

from embedtune.config.settings import GenerateConfig, TrainConfig
from embedtune.errors import DataError
from embedtune.project.trained_run import TrainedRun, check_comparable, differ_in_seed_only


def run(name="a", seed=0, split_seed=0, base="b", corpus="c", qrels="q", **settings):
    made = GenerateConfig(source="docs", seed=split_seed)
    outputs = {"corpus.jsonl": corpus, "qrels/test.tsv": qrels}
    config = TrainConfig(seed=seed, **settings).model_dump(mode="json")
    return TrainedRun(
        Path(name),
        {"outputs": outputs, "identity": {"config": made.model_dump(mode="json", exclude={"source"})}},
        {"identity": {"config": config, "model": base}, "outputs": {}, "facts": {}},
        made,
    )


def test_only_seeds_of_one_recipe_are_summed_up():
    assert differ_in_seed_only([run(), run(seed=1), run(seed=1, split_seed=1)])
    assert not differ_in_seed_only([run()])
    assert not differ_in_seed_only([run(), run()])
    assert not differ_in_seed_only([run(), run(seed=1, epochs=2)])
    assert not differ_in_seed_only([run(), run(seed=1, base="other")])


@pytest.mark.parametrize(
    ("facts", "has_sketch", "base_passages"),
    [
        ({"shipped": "base", "method": "hybrid-vector"}, False, True),
        ({"shipped": "tuned", "method": "hybrid-vector"}, True, True),
        ({"shipped": "tuned", "method": "query-lora", "queries_only": True}, False, True),
        ({"shipped": "tuned", "method": "lora", "queries_only": False}, False, False),
        ({"shipped": "tuned"}, False, False),
    ],
)
def test_what_a_model_does_to_the_vectors_of_passages(facts, has_sketch, base_passages):
    made = run()
    made.model["facts"] |= facts
    assert (made.has_sketch, made.base_passages) == (has_sketch, base_passages)


def test_a_run_over_another_corpus_is_refused():
    with pytest.raises(DataError, match="expected the corpus of a, found another"):
        check_comparable(run(), run("x", corpus="other"), own_queries=True)


def test_a_run_that_may_have_trained_on_the_test_split_is_refused():
    check_comparable(run(), run("x", qrels="other"), own_queries=True)
    check_comparable(run(), run("x"), own_queries=False)
    with pytest.raises(DataError, match="may have seen the test queries"):
        check_comparable(run(), run("x", qrels="other"), own_queries=False)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"shipped": "base"}, True),
        ({"shipped": "tuned", "method": "linear"}, True),
        ({"shipped": "tuned", "method": "hybrid-vector", "over": "base"}, True),
        ({"shipped": "tuned", "method": "hybrid-vector", "over": "pca"}, True),
        ({"shipped": "tuned", "method": "hybrid-vector", "over": "query-lora"}, False),
        ({"shipped": "tuned", "method": "query-lora"}, False),
        ({"shipped": "tuned", "method": "lora"}, False),
    ],
)
def test_tokens_are_the_bases_where_nothing_before_the_pooling_was_tuned(facts, expected):
    trained = TrainedRun(Path("run"), {}, {"facts": facts}, GenerateConfig(source=""))
    assert trained.base_tokens is expected
