"""Real base models outside the repository: a folder of sentence-transformers models, named by EMBEDTUNE_BASES."""

import os
from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

import embedtune
from embedtune.project.manifest import read_manifest
from embedtune.project.records import ModelRecord

FOLDER = os.environ.get("EMBEDTUNE_BASES")
BASES = sorted(path.parent for path in Path(FOLDER).glob("*/modules.json")) if FOLDER else []
THINGS = ["kettle", "lamp", "pump", "drill", "heater", "scanner", "printer", "radio", "camera", "scale", "clock", "fan"]
FACTS = {
    "how long is the warranty of the {}": "The {} comes with a warranty of two years from the day of purchase.",
    "what does the {} weigh": "Without its packaging, the {} has a mass of three kilograms.",
    "can I wash the {}": "Never hold the {} under running water; wipe it with a damp cloth.",
}
QUERIES = [question.format(thing) for thing in THINGS for question in FACTS]
PASSAGES = [answer.format(thing) for thing in THINGS for answer in FACTS.values()]


@pytest.mark.shared
@pytest.mark.timeout(900)
@pytest.mark.skipif(not BASES, reason="EMBEDTUNE_BASES names no folder of models")
@pytest.mark.parametrize("folder", BASES, ids=lambda path: path.name)
def test_labels_teach_a_real_base_and_the_saved_model_has_its_prompts(folder, tmp_path):
    dataset = embedtune.Dataset.from_pairs(QUERIES, PASSAGES)
    result = embedtune.tune(str(folder), dataset, "lora", run=tmp_path / "run", epochs=6, ship_errors=0.0)
    base, saved = SentenceTransformer(str(folder)), SentenceTransformer(str(tmp_path / "run" / "model" / "merged"))
    assert saved.prompts["query"] == (base.prompts.get("query") or "")
    assert saved.prompts["document"] == (base.prompts.get("document") or base.prompts.get("passage") or "")
    for encode in ("encode_query", "encode_document"):
        vectors = getattr(saved, encode)(PASSAGES[:4])
        assert np.allclose(vectors, getattr(result.model, encode)(PASSAGES[:4]), atol=1e-3)
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    record = read_manifest(tmp_path / "run" / "model", ModelRecord).record
    assert record.losses[-1] < record.losses[0]
