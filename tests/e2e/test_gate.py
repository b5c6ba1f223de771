"""When tuning does not help on dev, the base is shipped, and everything says so."""

import json

import numpy as np
from sentence_transformers import SentenceTransformer

import embedtune
from tests.small_runs import make_dataset


def test_a_tuning_without_effect_ships_the_base(document_folder, tmp_path_factory, tmp_path):
    prompts = {"query_prompt": "query: ", "document_prompt": "passage: "}
    base_folder = make_dataset(tmp_path, document_folder, tmp_path_factory.mktemp("base"), **prompts)
    config = embedtune.TrainConfig(
        quantize="none", max_pairs=64, learning_rate=1e-8, n_evals=1, max_dev_queries=40, max_dev_windows=100
    )
    result = embedtune.train(config, tmp_path)
    assert result.record.shipped == "base"
    assert result.record.strength == 0.0
    assert 1 < result.record.dev.n_clusters <= 40
    assert not (tmp_path / "model" / "adapter").exists()
    base, shipped = (SentenceTransformer(str(path)) for path in (base_folder, tmp_path / "model" / "merged"))
    assert np.array_equal(base.encode(["frost"]), shipped.encode(["frost"]))
    assert shipped.prompts["query"] == "query: "

    evaluated = embedtune.evaluate(embedtune.EvaluateConfig(), tmp_path)
    assert list(evaluated.record.systems) == ["bm25", "base", "hybrid_base", "rrf_base", "rerank_base"]
    metrics = json.loads((tmp_path / "eval" / "metrics.json").read_text())
    assert metrics["shipped"] == "base"
    assert metrics["verdict"]["decision"] in ("do_not_ship", "use_fusion")
