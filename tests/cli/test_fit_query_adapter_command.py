from __future__ import annotations

import json

from tests.embedding_server import EmbeddingServer
from tests.served_runs import write_source
from tests.small_runs import make_dataset

SETTINGS = ("teacher=none", "query_side.batch_size=16", "query_side.epochs=32", "query_side.positive_boost=20",
            "query_side.hubness_weight=0", "query_side.linear_learning_rate=0.05")  # fmt: skip


def test_a_map_is_fitted_to_a_server(invoke, passages, tiny_base, tmp_path):
    run = tmp_path / "run"
    write_source(tmp_path / "source", passages)
    make_dataset(run, tmp_path / "source", tmp_path / "base", queries_from="source")
    options = [part for setting in SETTINGS for part in ("--set", setting)]
    with EmbeddingServer({"closed": tiny_base}) as server:
        asked = (
            "fit-query-adapter",
            run,
            "--embedding",
            "openai:closed",
            "--base-url",
            f"{server.url}/v1",
            *options,
            "-q",
        )
        code, out, _ = invoke(*asked)
        assert code == 0
        lines = out.splitlines()
        assert lines[0].startswith("saved: a query adapter for openai:closed at http")
        assert [line.split()[0] for line in lines[-4:-1]] == ["test", "base", "tuned"]
        n_requests = len(server.requests)
        code, out, _ = invoke(*asked, "--json")
    facts = json.loads(out)
    assert (code, facts["stage"], facts["shipped"]) == (0, "fit-query-adapter", "tuned")
    assert len(server.requests) == n_requests


def test_a_name_that_means_nothing_is_a_usage_error(invoke, tmp_path):
    code, _, err = invoke("fit-query-adapter", tmp_path, "--embedding", "cohere", "-q")
    assert code == 2
    assert "Hint: for example openai:text-embedding-3-small" in err
