"""One small but real run: the Python reference, nf4, a few steps. Made once for all end-to-end tests."""

import pytest

import embedtune


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory):
    """A run folder with all three stages done, and its configs."""
    out = tmp_path_factory.mktemp("run")
    config = embedtune.RunConfig(
        out=str(out),
        generate=embedtune.GenerateConfig(
            source="python-reference", query_prompt="query: ", document_prompt="passage: ", per_kind=1
        ),
        train=embedtune.TrainConfig(
            quantize="nf4", max_pairs=640, learning_rate=1e-3, base_share=0.0, checks=1, max_dev_windows=400
        ),
        eval=embedtune.EvaluateConfig(queries="python-reference"),
    )
    results = embedtune.run(config)
    assert results["train"].facts["shipped"] == "tuned"
    return out, config, results
