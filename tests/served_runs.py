"""Runs as applications use them, made in seconds: a model of two layers, and an update of it that was made and not trained.

Some passages have a query of numbers that has nothing to do with them, so no untuned model can guess them; the linear map is
fitted to these queries on purpose, and ranks their passages first. Every seventh passage is longer than a window.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import embedtune
from embedtune.models.encoder import Encoder, load_model
from embedtune.models.hybrid_vector import BM25Sketch
from embedtune.models.locate import hash_model
from embedtune.models.quantisation import load_quantised
from embedtune.models.weights import two_towers
from embedtune.project.manifest import read_manifest, stage_folder
from embedtune.project.records import ModelRecord, Record
from embedtune.training.methods.hybrid_vector import HybridVectorModel
from embedtune.training.methods.passage_residuals import PassageResidualsModel
from embedtune.training.methods.query_adapters import LinearQueryAdapter
from embedtune.training.tuned_models import Lora, TunedModel
from embedtune.types import Passage
from tests.small_runs import make_dataset

PROMPTS = {"query_prompt": "query: ", "document_prompt": "passage: "}
QUERIES = [f"item {number * 7919}" for number in range(48)]
"""What is asked: the n-th query is answered by the n-th passage."""

_LONG = 7
_WEIGHTS = {"base": 0.5, "tuned": 0.6}


def make_served_run(
    run: Path, passages: Sequence[Passage], scratch: Path, *, method: str, prompts: bool = False, quantize: str = "none"
) -> Path:
    """Make a run whose model is an update by ``lora``, ``query-lora``, ``linear`` or ``lexical``; return the folder of its base."""
    write_source(scratch / "source", passages)
    given = PROMPTS if prompts else {}
    base = make_dataset(run, scratch / "source", scratch, queries_from="source", **given)
    update(run, base, method=method, prompts=given, quantize=quantize)
    return base


def update(
    run: Path, base: Path, *, method: str, prompts: dict[str, str], quantize: str = "none", seed: int = 0
) -> None:
    """Write the folder of a training."""
    untouched = load_model(base, **prompts)
    if method == "linear":
        trained = _linear_map(run, base, prompts)
    elif method == "hybrid-vector":
        trained = _lexical_part(run, base, prompts)
    elif method == "passage-residuals":
        trained = _residuals(run, base, prompts)
    else:
        trained = _lora(base, quantize, method, seed)
    queries_only = trained.queries_only
    sketch = method == "hybrid-vector"
    record = ModelRecord(
        shipped="tuned", method=method, quantize=quantize, passages="base" if queries_only or sketch else "tuned",
        sketch=sketch, token_vectors="base" if method in ("linear", "hybrid-vector", "passage-residuals") else "tuned", fusion_weights=_WEIGHTS,
    )  # fmt: skip
    config = embedtune.TrainConfig(method=method, quantize=quantize).model_dump(mode="json")
    identity = {
        "stage": "train",
        "config": config,
        "model": hash_model(base),
        "dataset": read_manifest(run / "dataset", Record).outputs,
    }
    with stage_folder(run / "model", identity) as stage:
        stage.record = record
        trained.save_adapter(stage.path / "adapter", str(base))
        merged = trained.merge_into(load_model(base, **prompts))
        model = two_towers(merged, untouched) if queries_only else merged
        model.save_pretrained(str(stage.path / "merged"), create_model_card=False)


def _lora(base: Path, quantize: str, method: str, seed: int) -> TunedModel:
    import torch

    torch.manual_seed(seed)
    lora = Lora(load_quantised(base, quantize), rank=4, alpha=8, queries_only=method == "query-lora")
    with torch.no_grad():
        for name, weight in lora.model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.05)
    return lora


def _linear_map(run: Path, base: Path, prompts: dict[str, str]) -> TunedModel:
    """Send every query to its passage: fewer queries than dimensions, so that a map does it exactly."""
    import torch

    from embedtune.formats.beir import read_passages

    model = load_model(base, **prompts)
    encoder = Encoder(model)
    by_document = {passage.document_id: passage.text for passage in read_passages(run / "dataset")}
    asked = torch.from_numpy(encoder.encode_queries(QUERIES))
    answers = torch.from_numpy(encoder.encode_documents([by_document[f"d{n}"] for n in range(len(QUERIES))]))
    return LinearQueryAdapter(model, (torch.linalg.pinv(asked) @ answers).T.contiguous())


def _lexical_part(run: Path, base: Path, prompts: dict[str, str]) -> TunedModel:
    from embedtune.formats.beir import read_passages

    lexical = BM25Sketch.fit([passage.text for passage in read_passages(run / "dataset")], 63)
    return HybridVectorModel(base=load_model(base, **prompts), sketch=lexical, scale=0.1, longest=20.0)


def _residuals(run: Path, base: Path, prompts: dict[str, str]) -> TunedModel:
    """Move the passages that answer a query, by chance."""
    import torch

    from embedtune.formats.beir import read_passages
    from embedtune.models.passage_residuals import number_passages
    from embedtune.retrieval.windows import corpus_windows

    model = load_model(base, **prompts)
    asked = {f"d{n}" for n in range(len(QUERIES))}
    passages = [passage for passage in read_passages(run / "dataset") if passage.document_id in asked]
    texts = corpus_windows(passages, Encoder(model), 48, 0.25).by_passage()
    residuals = 0.05 * torch.randn(
        len(texts), model.get_embedding_dimension(), generator=torch.Generator().manual_seed(0)
    )
    return PassageResidualsModel(base=model, residuals=residuals, row_of=number_passages(texts), changed_documents=[])


def write_source(source: Path, passages: Sequence[Passage]) -> None:
    texts = [
        " ".join(each.text for each in passages[number : number + (4 if number % _LONG == 0 else 1)])
        for number in range(len(passages))
    ]
    (source / "qrels").mkdir(parents=True)
    _write_rows(source / "corpus.jsonl", [{"_id": f"d{n}", "title": "", "text": text} for n, text in enumerate(texts)])
    _write_rows(source / "queries.jsonl", [{"_id": f"q{n}", "text": text} for n, text in enumerate(QUERIES)])
    rows = "".join(f"q{n}\td{n}\t1\n" for n in range(len(QUERIES)))
    for split in ("train", "dev", "test"):
        (source / "qrels" / f"{split}.tsv").write_text(f"query-id\tcorpus-id\tscore\n{rows}", encoding="utf-8")


def _write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
