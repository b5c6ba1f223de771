"""One small but real run: short topics of the Python reference, nf4, a few steps. Made once for all end-to-end tests."""

import json

import pytest

import embedtune
from embedtune.documents.reading import read_python_reference
from embedtune.formats.beir import read_qrels
from embedtune.resources import find_query_set


@pytest.fixture(scope="session")
def reference(tmp_path_factory):
    """Return a folder with the 45 shortest topics of the Python reference, and one with the queries written for them."""
    documents, queries = tmp_path_factory.mktemp("topics"), tmp_path_factory.mktemp("queries")
    for document in read_python_reference():
        if len(document.text) < 2000:
            (documents / f"{document.document_id}.txt").write_text(document.text, encoding="utf-8")
    written = find_query_set("python-reference")
    judged = [
        (query, f"{topic}.txt")
        for query, topics in read_qrels(written / "qrels" / "test.tsv").items()
        for topic in topics
        if (documents / f"{topic}.txt").exists()
    ]
    asked = {query for query, _ in judged}
    lines = (written / "queries.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (queries / "queries.jsonl").write_text("".join(line for line in lines if json.loads(line)["_id"] in asked))
    (queries / "qrels").mkdir()
    rows = "".join(f"{query}\t{topic}\t1\n" for query, topic in judged)
    (queries / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + rows)
    return documents, queries


@pytest.fixture(scope="session")
def trained_run(reference, tmp_path_factory):
    """A run folder with all three stages done, and its configs."""
    documents, queries = map(str, reference)
    out = tmp_path_factory.mktemp("run")
    config = embedtune.RunConfig(
        out=str(out),
        generate=embedtune.GenerateConfig(
            source=documents,
            query_prompt="query: ",
            document_prompt="passage: ",
            window_tokens=96,
            split={"train": 0.8, "dev": 0.1, "test": 0.1},
        ),
        train=embedtune.TrainConfig(
            quantize="nf4",
            batch_size=8,
            max_pairs=128,
            learning_rate=1e-3,
            distill_weight=0.0,
            n_evals=1,
            max_dev_windows=100,
            ship_errors=0.0,  # sixteen steps: what the tests need is a tuned model, not the evidence for it
        ),
        eval=embedtune.EvaluateConfig(queries=queries),
    )
    results = embedtune.run(config)
    assert results["train"].record.shipped == "tuned"
    return out, config, results
