import numpy as np
import pytest

from embedtune.retrieval.encoder import load_model
from embedtune.training.adapters import add_adapter
from embedtune.training.merging import merge
from embedtune.training.quantisation import load_quantised

TEXTS = ["Drain the boiler before the first frost.", "A refund takes five working days.", "frost"]


@pytest.mark.parametrize("scheme", ["none", "int8", "nf4", "fp4"])
def test_merged_model_computes_what_base_and_adapter_do(base_folder, shake, scheme):
    tuned = load_quantised(base_folder, scheme)
    add_adapter(tuned, rank=4, alpha=8)
    shake(tuned)
    expected = tuned.encode(TEXTS)
    merged = merge(tuned, load_model(base_folder))
    assert np.abs(merged.encode(TEXTS) - expected).max() < 1e-5
    assert np.abs(load_model(base_folder).encode(TEXTS) - expected).max() > 1e-3
    assert not any("lora" in name for name, _ in merged.named_parameters())
