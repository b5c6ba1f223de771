from __future__ import annotations

import numpy as np

from embedtune.serving.embedder import Embedder
from embedtune.serving.frozen_base import FrozenBase
from embedtune.stages.trained_run import read_trained_run

TEXTS = ["the lamp blinks orange", "stitches skip"]


def test_without_an_adapter_it_is_the_base_to_the_bit(served_run):
    run = served_run("lora")
    base = FrozenBase(read_trained_run(run).settings.model, "none", trust_remote_code=False, device="cpu")
    expected = Embedder.from_run(run, "base").encode_queries(TEXTS)
    base.switch(None)
    assert np.array_equal(base.encoder("fp32", {}).encode_queries(TEXTS), expected)
    name = base.add(run / "model" / "adapter")
    base.switch(name)
    assert np.abs(base.encoder("fp32", {}).encode_queries(TEXTS) - expected).max() > 1e-2
    base.switch(None)
    assert np.array_equal(base.encoder("fp32", {}).encode_queries(TEXTS), expected)


def test_an_adapter_that_is_loaded_while_none_is_on_works_and_can_be_turned_off(served_run):
    run, other = served_run("lora"), served_run("query-lora")
    base = FrozenBase(read_trained_run(run).settings.model, "none", trust_remote_code=False, device="cpu")

    def encode(adapter):
        base.switch(adapter)
        return base.encoder("fp32", {}).encode_queries(TEXTS)

    first = base.add(run / "model" / "adapter")
    tuned, plain = encode(first), encode(None)
    second = base.add(other / "model" / "adapter")
    assert np.abs(encode(second) - Embedder.from_run(other).encode_queries(TEXTS)).max() < 1e-5
    assert np.array_equal(encode(None), plain)
    assert np.array_equal(encode(first), tuned)
