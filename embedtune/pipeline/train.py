"""Stage 2: dataset → one way to tune, or the best of several → tuned model, or the base where tuning did not help."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

from embedtune.config.settings import GenerateConfig, TrainConfig, takes_settings
from embedtune.dataset import Dataset, read_dataset
from embedtune.models.encoder import Encoder, choose_precision
from embedtune.models.locate import hash_model
from embedtune.pipeline import preflight
from embedtune.pipeline.model_cards import README, card_of, write_card
from embedtune.project.layout import DATASET, MODEL, VECTORS
from embedtune.project.lock import locked
from embedtune.project.manifest import library_versions, stage_folder, verify
from embedtune.project.records import DatasetRecord, ModelRecord
from embedtune.project.stage import StageResult, skip_or_plan
from embedtune.project.trained_run import dataset_settings
from embedtune.project.vector_cache import VectorCache
from embedtune.text.hashing import hash_json
from embedtune.training.dev_set import build_dev_set, choose_fusion_weight
from embedtune.training.fit import DevRetrieval
from embedtune.training.methods.context import Candidate, Context, load_base, mean
from embedtune.training.methods.select import select_method
from embedtune.training.saving import ParityTexts, Trained, save_base, save_tuned

CHECKPOINTS = ".checkpoints"
_PARITY_TEXTS = 16
_BEHIND_POOLING = ("base", "pca", "linear")  # methods that leave token vectors as they are
_DEV_FACTS = ("by_step", "best_step", "by_strength", "gain", "standard_error")
_LOADING = {
    False: 'SentenceTransformer("merged")',
    True: 'SentenceTransformer("merged", trust_remote_code=True) with embedtune installed; merged/dense without its words '
    'is SentenceTransformer("merged/dense")',
}
_log = logging.getLogger("embedtune")


@takes_settings(TrainConfig)
@locked("run")
def train(
    config: TrainConfig, run: str | Path, *, force: bool = False, dry_run: bool = False
) -> StageResult[ModelRecord]:
    """Fine-tune the base model on a run's dataset: ``RUN/model`` with ``adapter/``, ``merged/`` and ``pairs.jsonl``.

    Training reads train and dev queries only. The best adapter and its interpolation strength are chosen by dev retrieval;
    when nothing beats the base by more than noise, ``merged/`` is the base and there is no ``adapter/``. A training that was
    broken off goes on from its last whole checkpoint.

    Args:
        config: Settings.
        run: The run folder, with a finished dataset.
        force: Work even if nothing has changed, and from the first step. If that is broken off, the next call goes on from
            its checkpoint without ``force``; until it ends, the old result stays.
        dry_run: Tell what would happen; write nothing.

    Returns:
        With a record of what was shipped, the dev curve, the losses and the checks of the saved model.

    Raises:
        DataError: If there is no dataset, too few pairs for a batch, or the loss is not finite.
        IntegrityError: If the dataset was changed, the saved model does not give the trained vectors, or a model to be
            shipped as tuned is the base.
        ResourceError: If the folder cannot be written.
        InUseError: If another process works in the run folder.
        StoppedError: After Ctrl-C or SIGTERM; the step was finished and saved.
    """
    run = Path(run)
    recorded = verify(run / DATASET, DatasetRecord)
    made = dataset_settings(recorded)
    base_folder = preflight.find_base(made.model, run / MODEL)
    identity = {
        "stage": "train",
        "config": config.model_dump(mode="json", exclude={"checkpoint_seconds"}),
        "dataset": recorded.outputs,
        "dataset_identity": recorded.identity_hash,
        "model": hash_model(base_folder),
        "versions": library_versions(),
    }
    plan = {"base_model": made.model, "train_queries": sum(recorded.record.queries["train"].values())}
    check = preflight.before_train(config, made, run / MODEL, base_folder)
    if result := skip_or_plan(run / MODEL, identity, ModelRecord, plan, force=force, dry_run=dry_run, check=check):
        return result
    for warning in recorded.record.warnings:
        _log.warning("%s", warning)
    if force:
        shutil.rmtree(run / CHECKPOINTS, ignore_errors=True)
    with stage_folder(run / MODEL, identity) as stage:
        context = _context(config, made, base_folder, read_dataset(run / DATASET), run, hash_json(identity))
        record = ModelRecord.from_json({**plan, **_tune(context, stage.path)})
        stage.record = record
        prompts, n_passages = context.base.model.prompts, len(context.dataset.passages)
        write_card(stage.path / "merged" / README, card_of(record, made, prompts, n_passages))
    shutil.rmtree(run / CHECKPOINTS, ignore_errors=True)
    _log.info("%s: shipped the %s model", run / MODEL, record.shipped)
    return StageResult(run / MODEL, "done", record)


def _context(
    config: TrainConfig, dataset_config: GenerateConfig, base_folder: Path, dataset: Dataset, run: Path, identity: str
) -> Context:
    """Load the base, build the dev set and search it with the base."""
    precision = choose_precision(config.precision)
    base = Encoder(load_base(base_folder, dataset_config), precision=precision)
    dev = build_dev_set(dataset, base, dataset_config, config)
    return Context(
        config=config,
        dataset_config=dataset_config,
        base_folder=base_folder,
        dataset=dataset,
        base=base,
        precision=precision,
        retrieval=DevRetrieval(dev, base, load_base(base_folder, dataset_config), precision=precision),
        vectors=VectorCache(run / VECTORS),
        checkpoints=run / CHECKPOINTS,
        identity=identity,
    )


def _tune(context: Context, folder: Path) -> dict[str, object]:
    """Try the candidate methods, save what is shipped, and return the fields of its record."""
    climbed = select_method(context, context.config.method)
    best, dev = climbed.best, context.dev
    _write_rows(folder / "pairs.jsonl", best.rows)
    strength = best.decision.strength if climbed.ships else 0.0
    base = context.retrieval.base
    sketch = climbed.ships and best.name == "hybrid-vector"
    return {
        "shipped": "tuned" if climbed.ships else "base",
        "method": best.name,
        "passages": "base" if not climbed.ships or best.method.queries_only or sketch else "tuned",
        "sketch": sketch,
        "token_vectors": "base"
        if not climbed.ships or best.facts.get("over", best.name) in _BEHIND_POOLING
        else "tuned",
        "loading": _LOADING[sketch],
        "quantize": best.scheme,
        "strength": strength,
        "fusion_weights": {"base": context.base_weight}
        | ({"tuned": best.fusion_weight or choose_fusion_weight(dev, best.dense)} if climbed.ships else {}),
        "dev": {
            "measure": "mean reciprocal rank",
            "n_queries": len(dev.queries),
            "n_clusters": len(set(dev.clusters.tolist())),
            "base": mean(dev.reciprocal_ranks(base)),
            **{key: best.facts[key] for key in _DEV_FACTS if key in best.facts},
        },
        **{key: value for key, value in best.facts.items() if key not in _DEV_FACTS},
        "candidates": climbed.rungs,
        "checks": _save(context, folder, best, strength),
    }


def _save(context: Context, folder: Path, best: Candidate, strength: float) -> dict[str, float]:
    queries = [query.text for query in context.dataset.splits["dev"].queries[:_PARITY_TEXTS]]
    texts = ParityTexts(queries, context.dev.windows[:_PARITY_TEXTS])
    if not strength:
        return save_base(folder, context.base.model, texts)
    best.method.fold(strength)
    return save_tuned(
        folder,
        Trained(best.method, best.scheme, context.dataset_config.model),
        context.base.model,
        context.load_base(),
        context.base_folder,
        texts,
        trust_remote_code=context.dataset_config.trust_remote_code,
    )


def _write_rows(path: Path, rows: Sequence[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
