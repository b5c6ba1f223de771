"""Stage 2: dataset → LoRA on quantised frozen weights, or all weights → tuned model, or the base where tuning did not help."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embedtune.config import GenerateConfig, TrainConfig
from embedtune.errors import DataError
from embedtune.evaluation.gate import Decision, choose_check, choose_weight, decide
from embedtune.formats.dataset import read_dataset
from embedtune.hashing import hash_json
from embedtune.manifest import library_versions, stage_folder, verify
from embedtune.progress import track
from embedtune.ranking import best_ranks
from embedtune.records import Dataset, Passage
from embedtune.retrieval.base_model import hash_model
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.encoder import Encoder, Vectors, choose_precision, load_model, set_prompts
from embedtune.retrieval.fusion import WEIGHTS, z_score_sum
from embedtune.run_folder import hold
from embedtune.stages import preflight
from embedtune.stages.corpus import relevant_passages, same_passages, windows_of
from embedtune.stages.dev import build_dev_set
from embedtune.stages.fit import DevRetrieval, fit
from embedtune.stages.generate import FOLDER as DATASET
from embedtune.stages.result import StageResult, settled
from embedtune.stages.saving import ParityTexts, Trained, save_base, save_tuned
from embedtune.training import adapters
from embedtune.training.checkpoints import Checkpoints
from embedtune.training.pairs import Pair, build_pairs, conflict_keys
from embedtune.training.quantisation import choose_scheme, load_quantised
from embedtune.training.sampler import plan_epochs

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from embedtune.training.losses import MaskedContrastiveLoss
    from embedtune.training.methods import Method
    from embedtune.training.trainer import Recipe

FOLDER = "model"
CHECKPOINTS = ".checkpoints"
_PARITY_TEXTS = 16
_log = logging.getLogger("embedtune")


def train(config: TrainConfig, run: Path, *, force: bool = False, dry_run: bool = False) -> StageResult:
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
        Facts: what was shipped, the dev curve, losses, and the differences found by the two checks.

    Raises:
        DataError: If there is no dataset, too few pairs for a batch, or the loss is not finite.
        IntegrityError: If the dataset was changed, the saved model does not give the trained vectors, or a model to be
            shipped as tuned is the base.
        ResourceError: If the folder cannot be written.
        InUseError: If another process works in the run folder.
        StoppedError: After Ctrl-C or SIGTERM; the step was finished and saved.
    """
    with hold(Path(run), idle=dry_run):
        return _train(config, Path(run), force=force, dry_run=dry_run)


def _train(config: TrainConfig, run: Path, *, force: bool, dry_run: bool) -> StageResult:
    recorded = verify(run / DATASET)
    made = GenerateConfig.model_validate({"source": "", **recorded["identity"]["config"]})
    base_folder = preflight.find_base(made.model, run / FOLDER)
    identity = {
        "stage": "train",
        "config": config.model_dump(mode="json", exclude={"checkpoint_seconds"}),
        "dataset": recorded["outputs"],
        "dataset_identity": recorded["identity_hash"],
        "model": hash_model(base_folder),
        "versions": library_versions(),
    }
    plan = {"base_model": made.model, "train_queries": sum(recorded["facts"]["queries"]["train"].values())}
    check = preflight.before_train(config, made, run / FOLDER, base_folder)
    if result := settled(run / FOLDER, identity, plan, force=force, dry_run=dry_run, check=check):
        return result
    checkpoints = Checkpoints(run / CHECKPOINTS, hash_json(identity), seconds=config.checkpoint_seconds)
    if force:
        checkpoints.clear()
    facts: dict[str, Any] = {}
    with stage_folder(run / FOLDER, identity, facts) as temporary:
        training = _Training(config, made, base_folder, read_dataset(run / DATASET), checkpoints)
        facts.update(plan, **training.run(temporary))
    checkpoints.clear()
    _log.info("%s: shipped the %s model", run / FOLDER, facts["shipped"])
    return StageResult(run / FOLDER, facts, "done")


class _Training:
    """One training, from pairs to saved folders."""

    def __init__(
        self,
        config: TrainConfig,
        made: GenerateConfig,
        base_folder: Path,
        dataset: Dataset,
        checkpoints: Checkpoints,
    ) -> None:
        self._config = config
        self._checkpoints = checkpoints
        self._made = made
        self._base_folder = base_folder
        self._dataset = dataset
        self._precision = choose_precision(config.precision)
        base = self._load_base()
        self._base = Encoder(base, precision=self._precision)
        wish = "none" if config.method == "full" else config.quantize
        self._scheme = choose_scheme(wish, sum(weight.numel() for weight in base.parameters()))
        self._relevant = relevant_passages(dataset.splits["train"], dataset.passages)
        self._windows = windows_of(dataset.passages, self._base, made.window_tokens, made.window_overlap)
        self._dev = build_dev_set(dataset, self._base, made, config)
        self._retrieval = DevRetrieval(self._dev, self._load_base(), precision=self._precision)

    def run(self, folder: Path) -> dict[str, Any]:
        pairs, batches = self._plan()
        _write_pairs(folder / "pairs.jsonl", pairs)
        base_dense = self._retrieval.search(self._base, "dev: base")
        method = self._prepare()
        loss, recipe = self._loss(method, pairs), self._recipe(len(batches))
        checks, losses = fit(method, pairs, batches, loss, recipe, self._retrieval, self._checkpoints)
        best = checks[choose_check([check.scores for check in checks], self._dev.clusters)]
        adapters.restore(method.model, best.weights)
        dense = {}
        for alpha in self._config.strengths:
            what = f"dev: strength {alpha:g}"
            dense[alpha] = best.dense if alpha == 1 else self._retrieval.search_with(method, alpha, what)
        base_scores = self._dev.reciprocal_ranks(base_dense)
        scores = {alpha: self._dev.reciprocal_ranks(matrix) for alpha, matrix in dense.items()}
        decision = decide(base_scores, scores, self._dev.clusters)
        self._report(decision)
        shipped = {"base": base_dense} | ({"tuned": dense[decision.strength]} if decision.ship == "tuned" else {})
        return {
            "shipped": decision.ship,
            "method": self._config.method,
            "quantize": self._scheme,
            "strength": decision.strength,
            "fusion_weights": self._fusion_weights(shipped),
            "pairs": len(pairs),
            "steps": len(batches),
            "dev": {
                "measure": "mean reciprocal rank",
                "n_queries": len(base_scores),
                "n_clusters": len(set(self._dev.clusters.tolist())),
                "base": _mean(base_scores),
                "by_step": {str(check.step): _mean(check.scores) for check in checks},
                "best_step": best.step,
                "by_strength": {f"{alpha:g}": _mean(values) for alpha, values in scores.items()},
                "gain": round(decision.gain, 4),
                "standard_error": round(decision.error, 4),
            },
            "losses": [round(loss, 4) for loss in losses],
            "checks": self._save(folder, decision, method),
        }

    def _load_base(self) -> SentenceTransformer:
        return load_model(
            self._base_folder,
            query_prompt=self._made.query_prompt,
            document_prompt=self._made.document_prompt,
            trust_remote_code=self._made.trust_remote_code,
        )

    def _plan(self) -> tuple[list[Pair], list[list[int]]]:
        """Sample the pairs and deal them into batches."""
        config, passages = self._config, self._dataset.passages
        pairs = build_pairs(
            self._dataset.splits["train"].queries,
            self._relevant,
            passages,
            self._windows,
            removal=config.removal,
            seed=config.seed,
        )
        if config.max_pairs and len(pairs) > config.max_pairs:
            kept = np.random.default_rng(config.seed).choice(len(pairs), config.max_pairs, replace=False)
            pairs = [pairs[number] for number in sorted(kept)]
        compared: Sequence[Passage] = passages
        if len(passages) > self._made.max_query_passages:
            compared = [passages[number] for number in sorted({pair.passage for pair in pairs})]
        keys = conflict_keys(passages, same_passages(compared))
        n_steps = config.epochs * max(1, len(pairs) // config.batch_size)
        held = [keys[pair.passage] | {pair.anchor} for pair in pairs]  # nor the same query twice
        batches = plan_epochs(held, config.batch_size, n_steps, config.seed)
        if not batches:
            raise DataError(
                f"dataset: expected at least {config.batch_size} pairs from passages that do not touch, found too few in "
                f"{len(pairs)} pairs",
                hint="add documents, or --set train.batch_size=8",
            )
        return pairs, batches

    def _prepare(self) -> Method:
        """Load the model that is trained."""
        import torch

        from embedtune.training.methods import Full, Lora

        model = load_quantised(self._base_folder, self._scheme, trust_remote_code=self._made.trust_remote_code)
        set_prompts(model, query_prompt=self._made.query_prompt, document_prompt=self._made.document_prompt)
        torch.manual_seed(self._config.seed)
        if self._config.method == "full":
            return Full(model)
        return Lora(model, rank=self._config.lora_rank, alpha=self._config.lora_alpha)

    def _loss(self, method: Method, pairs: Sequence[Pair]) -> MaskedContrastiveLoss:
        import torch

        from embedtune.training.losses import MaskedContrastiveLoss

        config = self._config
        with track("encode pairs", 2 * len(pairs)) as report:
            queries = self._base.encode_queries([pair.anchor for pair in pairs], report)
            documents = self._base.encode_documents([pair.positive for pair in pairs], report)
        return MaskedContrastiveLoss(
            method.model,
            torch.from_numpy(queries),
            torch.from_numpy(documents),
            [self._relevant[pair.query_id] for pair in pairs],
            [pair.passage for pair in pairs],
            temperature=config.temperature,
            mask_margin=config.mask_margin,
            base_share=config.base_share,
        )

    def _recipe(self, n_steps: int) -> Recipe:
        from embedtune.training.trainer import Recipe

        config = self._config
        return Recipe(
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
            precision=self._precision,
            seed=config.seed,
            check_at=frozenset(n_steps * number // config.checks for number in range(1, config.checks + 1)) - {0},
        )

    def _fusion_weights(self, dense: dict[str, Vectors]) -> dict[str, float]:
        """Choose each model's weight against BM25 by the same rule."""
        rows = self._dev.unfamiliar
        lexical = self._dev.lexical_scores(lambda passages, queries: BM25(passages).scores(queries))[rows]
        relevant = [self._dev.relevant[row] for row in rows]

        def quality(scores: Vectors, weight: float) -> NDArray[np.float64]:
            ranks: NDArray[np.float64] = 1.0 / best_ranks(z_score_sum(scores[rows], lexical, weight), relevant)
            return ranks

        clusters = self._dev.clusters[rows]
        return {
            name: choose_weight({weight: quality(scores, weight) for weight in WEIGHTS}, clusters)
            for name, scores in dense.items()
        }

    def _report(self, decision: Decision) -> None:
        if decision.ship == "tuned":
            _log.info(
                "dev gain %+.4f ± %.4f at strength %g: shipping the tuned model",
                decision.gain, decision.error, decision.strength,
            )  # fmt: skip
        else:
            _log.warning(
                "dev gain %+.4f ± %.4f is no more than noise: shipping the base model unchanged",
                decision.gain, decision.error,
            )  # fmt: skip

    def _save(self, folder: Path, decision: Decision, method: Method) -> dict[str, Any]:
        queries = [query.text for query in self._dataset.splits["dev"].queries[:_PARITY_TEXTS]]
        texts = ParityTexts(queries, self._dev.windows[:_PARITY_TEXTS])
        if decision.ship == "base":
            return save_base(folder, self._base.model, texts)
        method.fold(decision.strength)
        return save_tuned(
            folder,
            Trained(method, self._scheme, self._made.model),
            self._base.model,
            self._base_folder,
            texts,
            trust_remote_code=self._made.trust_remote_code,
        )


def _write_pairs(path: Path, pairs: Sequence[Pair]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for pair in pairs:
            row = {"query_id": pair.query_id, "anchor": pair.anchor, "positive": pair.positive}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _mean(scores: NDArray[np.float64]) -> float:
    return round(float(scores.mean()), 4)
