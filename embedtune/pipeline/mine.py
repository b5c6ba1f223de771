"""Hard negatives for the train queries of a run, by its base or its tuned model."""

from __future__ import annotations

import json
from pathlib import Path

from embedtune.config.settings import NegativesConfig
from embedtune.dataset import read_dataset
from embedtune.models.cross_encoder import load_cross_encoder
from embedtune.models.locate import hash_model
from embedtune.project.layout import DATASET, NEGATIVES
from embedtune.project.lock import locked
from embedtune.project.manifest import library_versions, stage_folder
from embedtune.project.records import NegativesRecord
from embedtune.project.stage import StageResult, skip_or_plan
from embedtune.project.trained_run import read_run
from embedtune.quiet import quiet_libraries
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.fusion import DEFAULT_WEIGHT
from embedtune.retrieval.searcher import PassageVectors, Searcher, units_of
from embedtune.serving.embedder import Embedder
from embedtune.serving.windows import encode_passages
from embedtune.training.negatives import mine


@quiet_libraries()
@locked("run")
def mine_run(run: Path, config: NegativesConfig | None = None, *, force: bool = False) -> StageResult[NegativesRecord]:
    """Mine hard negatives for the train queries of a run: ``RUN/hard_negatives/train.jsonl``.

    The columns are ``anchor``, ``positive``, ``negative_1`` …; see ``mine_hard_negatives``. Longer passages are there
    with the window that fits the query best. Vectors of passages are taken from the run's cache.

    Args:
        run: With a finished dataset; with a trained model, for ``model="tuned"``.
        config: Settings.
        force: Search again even if nothing has changed.

    Raises:
        ConfigError: If the guide cannot be loaded.
        DataError: If there is no dataset, no tuned model, or no train query with an answer and a possible negative.
        IntegrityError: If dataset or model were changed since they were written.
        ResourceError: If the folder cannot be written.
        InUseError: If another process works in the run folder.
    """
    config, run = config or NegativesConfig(), Path(run)
    opened = read_run(run, DEFAULT_WEIGHT, trust_remote_code=config.trust_remote_code)
    embedder = Embedder.of(opened, config.model, precision=opened.evaluation_settings.precision)
    weight = opened.record.fusion_weights[config.model]
    identity = {
        "stage": "mine",
        "config": config.model_dump(mode="json"),
        "dataset": opened.dataset.outputs,
        "model": hash_model(embedder.folder),
        "guide": hash_model(Path(config.guide)) if config.guide and Path(config.guide).is_dir() else None,
        "precision": embedder.precision,
        "fusion_weight": weight,
        "versions": library_versions(),
    }
    if done := skip_or_plan(run / NEGATIVES, identity, NegativesRecord, {}, force=force, dry_run=False):
        return done
    guide = load_cross_encoder(config.guide, "guide") if config.guide else None
    dataset = read_dataset(run / DATASET)
    windows, vectors = encode_passages(opened, config.model, embedder, dataset.passages)
    searcher = Searcher(
        units_of(dataset.passages, "passage"),
        lexical=BM25([passage.full_text for passage in dataset.passages]),
        dense=PassageVectors(vectors, windows),
        weight=weight,
    )
    with stage_folder(run / NEGATIVES, identity) as stage:
        mined = mine(dataset.splits["train"], dataset.passages, searcher, embedder.encoder, config, guide)
        with (stage.path / "train.jsonl").open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in mined.rows)
        stage.record = record = NegativesRecord(
            model=config.model,
            queries=mined.n_queries,
            rows=len(mined.rows),
            negatives=config.num_negatives,
            given=mined.n_given,
            positive_score=round(mined.positive_score, 4),
            negative_score=round(mined.negative_score, 4),
        )
    return StageResult(run / NEGATIVES, "done", record)
