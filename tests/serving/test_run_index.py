from __future__ import annotations

import pytest

from embedtune.errors import ConfigError
from embedtune.serving.retriever import Retriever
from embedtune.serving.run_index import RunIndex


def test_systems_share_models_and_vectors(served_run):
    opened = RunIndex(served_run("query-lora", evaluated=True))
    first, second = Retriever(opened, "tuned"), Retriever(opened, "hybrid_tuned")
    assert first.embedder is second.embedder
    assert first.embedder is opened.embedder("tuned")
    assert Retriever(opened, "bm25").embedder is None
    assert opened.systems[0] == "bm25"


def test_precision_is_that_of_the_evaluation(served_run):
    assert RunIndex(served_run("query-lora", evaluated=True)).embedder("base").precision == "fp32"
    assert RunIndex(served_run("lora"), precision="bf16").embedder("base").precision == "bf16"


def test_a_depth_of_nothing_is_refused(served_run):
    with pytest.raises(ConfigError, match="depth: expected 1 or more"):
        RunIndex(served_run("lora"), depth=0)
