"""Run folders made in a second: real documents, a model of two layers, and a training that is only noise on its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import embedtune
from embedtune.project.manifest import read_manifest, stage_folder
from embedtune.project.records import ModelRecord, Record
from tests.faults.kill_runs import make_model

WEIGHTS = {"base": 0.5, "tuned": 0.6}


def make_dataset(run: Path, source: Path, scratch: Path, **settings: Any) -> Path:
    """Run generate with a random model, which is made in ``scratch``; return the model's folder."""
    model = make_model(scratch)
    embedtune.generate(
        embedtune.GenerateConfig(source=str(source), model=str(model), window_tokens=48, **settings), run
    )
    return model


def train_nothing(run: Path, model: Path, *, noise: float = 0.0, seed: int = 0, shipped: str = "tuned") -> None:
    """Write the folder of a training that added noise to the weights."""
    import torch
    from sentence_transformers import SentenceTransformer

    tuned = SentenceTransformer(str(model))
    torch.manual_seed(seed)
    with torch.no_grad():
        for weight in tuned.parameters():
            weight.add_(noise * torch.randn_like(weight))
    weights = {name: WEIGHTS[name] for name in ("base", shipped)}
    side = "base" if shipped == "base" else "tuned"
    record = ModelRecord(shipped=shipped, passages=side, token_vectors=side, quantize="none", fusion_weights=weights)
    config = embedtune.TrainConfig(seed=seed).model_dump(mode="json", exclude={"checkpoint_seconds"})
    dataset = read_manifest(run / "dataset", Record).outputs
    with stage_folder(run / "model", {"stage": "train", "config": config, "dataset": dataset}) as stage:
        stage.record = record
        tuned.save_pretrained(str(stage.path / "merged"), create_model_card=False)
