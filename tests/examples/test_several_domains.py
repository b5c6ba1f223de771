from __future__ import annotations

import numpy as np

from embedtune.serving.embedder import Embedder


def test_domains_answer_with_their_own_vectors(example, served_run, capsys):
    runs = {"one": served_run("lora"), "two": served_run("query-lora")}
    domains = example("several_domains")
    seconds = domains.main([*(f"{name}={run}" for name, run in runs.items()), "--query", "orange lamp"])
    assert seconds < 0.05
    assert "a switch costs" in capsys.readouterr().out
    adapters = domains.open_domains(runs)
    query, documents = domains.embed_for(adapters, "two", "orange lamp", ["the lamp blinks"])
    merged = Embedder.from_run(runs["two"], "tuned")
    assert np.abs(query - merged.encode_query("orange lamp")).max() < 1e-5
    assert np.abs(documents - merged.encode_documents(["the lamp blinks"])).max() < 1e-5
