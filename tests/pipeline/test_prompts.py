"""A base whose configuration names its prompts query and passage, as those of the E5 kind do, from generate to serving."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

import embedtune
from embedtune.serving.embedder import Embedder
from embedtune.snippets.routes import read_facts
from tests.faults.kill_runs import make_model

TEXTS = ["the lamp blinks orange", "rinse the tank twice"]
UNIT = {"normalize_embeddings": True}


@pytest.fixture(scope="module")
def run(document_folder, tmp_path_factory):
    scratch = tmp_path_factory.mktemp("e5")
    base, run = make_model(scratch), scratch / "run"
    file = base / "config_sentence_transformers.json"
    file.write_text(
        json.dumps({**json.loads(file.read_text()), "prompts": {"query": "query: ", "passage": "passage: "}})
    )
    embedtune.generate(
        embedtune.GenerateConfig(
            source=str(document_folder), model=str(base), window_tokens=48, max_query_passages=100
        ),
        run,
    )
    embedtune.train(
        embedtune.TrainConfig(method="lora", quantize="none", max_pairs=16, batch_size=8, strengths=(1.0,), n_evals=1),
        run,
    )
    return run


def test_a_plain_load_of_the_saved_model_puts_both_prompts_in_front(run):
    merged = run / "model" / "merged"
    assert json.loads((merged / "config_sentence_transformers.json").read_text())["prompts"]["document"] == "passage: "
    assert '| prompt of passages | "passage: " |' in (merged / "README.md").read_text()
    model = SentenceTransformer(str(merged))
    expected = model.encode([f"passage: {text}" for text in TEXTS], **UNIT)
    assert np.allclose(model.encode_document(TEXTS, **UNIT), expected, atol=1e-6)
    assert not np.allclose(model.encode(TEXTS, **UNIT), expected, atol=1e-3)


@pytest.mark.parametrize("which", ["base", "auto"])
def test_serving_encodes_passages_as_the_author_of_the_base_says(run, which):
    embedder = Embedder.from_run(run, which)
    assert (embedder.query_prompt, embedder.document_prompt) == ("query: ", "passage: ")
    expected = embedder.encoder.model.encode([f"passage: {text}" for text in TEXTS], **UNIT)
    assert np.allclose(embedder.encode_documents(TEXTS), expected, atol=1e-6)


def test_generated_code_names_both_prompts(run):
    facts = read_facts(run)
    assert (facts.query_prompt, facts.document_prompt) == ("query: ", "passage: ")


def test_the_audit_of_prompts_finds_those_of_the_run_in_the_saved_model(run):
    record = embedtune.evaluate(embedtune.EvaluateConfig(), run).record
    found = next(audit for audit in record.only.audits if audit.name == "prompts")
    assert found.severity == "note"
