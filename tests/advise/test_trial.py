"""The context in which candidates are tried."""

from __future__ import annotations

import pytest

from embedtune.advise.trial import trial_config


@pytest.mark.parametrize(("n_queries", "batch"), [(2048, 64), (64, 16), (0, 1)])
def test_batches_leave_a_few_steps(n_queries, batch):
    config = trial_config(n_queries, 3)
    assert (config.query_side.batch_size, config.seed) == (batch, 3)
    assert config.strengths == (1.0,)  # nothing is chosen on the queries that judge


def test_the_sample_is_the_corpus_and_its_queries_are_dev(context, judge):
    assert context.dataset.passages == judge.sample.passages
    assert context.dev.queries == [query.text for query in judge.sample.judged.queries]
    assert context.retrieval.base.shape == (len(context.dev.queries), len(judge.sample.passages))
