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
