"""Costs are timed on real steps, and reckoned up to the whole."""

from __future__ import annotations

import numpy as np
import pytest

from embedtune.advise.cost import Workload, _peak_memory, measure_cost


def test_real_steps_are_timed_and_reckoned_up(context, material):
    work = Workload(corpus_tokens=1_000_000, dev_tokens=10_000, train_queries=3000)
    material.base.encode_documents(context.dev.windows)  # costs follow from what was encoded before them
    found = measure_cost(context, material.base, work)
    assert found.tokens_per_second > 0
    assert found.encode_corpus_seconds == pytest.approx(1e6 / found.tokens_per_second, rel=0.05)
    side = found.query_side
    assert 0 < side.step_seconds < 20 and side.memory_bytes > 1 << 26
    assert side.steps == 46  # 3,000 queries in batches of 64
    expected = found.encode_corpus_seconds + 46 * side.step_seconds
    assert side.seconds == pytest.approx(expected, abs=1)
    assert 0 < found.memory_available_bytes <= found.memory_total_bytes


def test_the_peak_is_seen():
    with _peak_memory() as peak:
        block = np.ones(40 << 20, dtype=np.uint8)
        _wait_for(peak)
    assert peak.n_bytes > block.nbytes


def _wait_for(peak):
    import time

    deadline = time.monotonic() + 5
    while not peak.n_bytes and time.monotonic() < deadline:
        time.sleep(0.01)
