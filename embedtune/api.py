"""Tune and evaluate models on data in memory: what the stages do with folders, for a notebook or a program."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embedtune.config.loader import unknown
from embedtune.config.settings import GenerateConfig
from embedtune.config.training import TrainConfig
from embedtune.dataset import Dataset
from embedtune.errors import ConfigError, DataError
from embedtune.evaluation.measures import check_measures
from embedtune.evaluation.report import DEFAULT_MEASURES, Report, compare
from embedtune.evaluation.slices import group_queries
from embedtune.formats.judgements import own_units
from embedtune.models.encoder import Encoder, load_model, opened_model
from embedtune.models.locate import find_model
from embedtune.pipeline.generate import generate
from embedtune.pipeline.train import train
from embedtune.quiet import quiet_libraries
from embedtune.retrieval.fusion import DEFAULT_WEIGHT
from embedtune.retrieval.searcher import HybridSearcher
from embedtune.systems import System, find_kind
from embedtune.types import Run

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from transformers import TrainerCallback

_ENCODING = ("window_tokens", "window_overlap", "query_prompt", "document_prompt", "trust_remote_code")
_LONGEST_WINDOW = 512


@dataclass(frozen=True)
class TuneResult:
    """What ``tune`` kept, and why.

    Attributes:
        model: The model to use: the tuned one, or the base where tuning did not beat it on dev.
        kept: ``tuned`` or ``base``.
        method: The method of the best candidate, such as ``lora``.
        strength: Interpolation coefficient α between base (0) and tuned weights (1), chosen on dev.
        base_mrr: Mean reciprocal rank of the base on the dev queries, in [0, 1].
        gain: What the best candidate adds to it.
        standard_error: Of the gain; a candidate is kept only where it gains more than that.
        fusion_weight: Weight of the dense side in hybrid search, in [0, 1], chosen on dev.
        folder: The run folder, if one was named.
    """

    model: SentenceTransformer
    kept: str
    method: str
    strength: float
    base_mrr: float
    gain: float
    standard_error: float
    fusion_weight: float
    folder: Path | None

    def __str__(self) -> str:
        return (
            f"kept the {self.kept} model; {self.method} changed MRR on dev from {self.base_mrr:.3f} "
            f"by {self.gain:+.3f} ± {self.standard_error:.3f} (standard error)"
        )

    __repr__ = __str__


@quiet_libraries()
def tune(
    model: str | os.PathLike[str] | SentenceTransformer,
    dataset: Dataset,
    method: str = "lora",
    *,
    run: str | os.PathLike[str] | None = None,
    seed: int = 0,
    callbacks: Sequence[TrainerCallback] = (),
    **settings: Any,
) -> TuneResult:
    """Fine-tune a model on a dataset in memory, as ``embedtune.train`` does in a run folder.

    Trains on the queries of ``train`` and selects on those of ``dev``; a tenth of the train queries becomes dev where there are
    none. Test queries are not read.

    Args:
        model: Hub name, folder, or a loaded model, which stays as it is.
        dataset: With train queries.
        method: ``lora``, ``query-lora``, ``linear``, ``pca``, ``hybrid-vector``, ``full``, or ``auto``: the best of several.
        run: Folder for dataset, checkpoints and model, which ``embedtune eval`` and ``Retriever.from_run`` take; a call that
            repeats an earlier one with it trains nothing. None works in a temporary folder.
        seed: Of everything random.
        callbacks: Callbacks of transformers, for the methods that train by gradient steps (``lora``, ``full``, ``query-lora``).
        settings: Further settings of ``TrainConfig``, such as ``epochs=2``, and ``window_tokens``, ``window_overlap``,
            ``query_prompt``, ``document_prompt`` and ``trust_remote_code`` of ``GenerateConfig``. Passages longer than
            ``window_tokens`` count as their best window; by default it is the model's own, at most 512.

    Returns:
        The model and how it was selected.

    Raises:
        ConfigError: If a setting or the model cannot be used.
        DataError: If there are no train queries, or no two pairs for a batch.
        EmbedtuneError: As ``embedtune.train`` does.

    Examples:
        ```python
        dataset = Dataset.from_pairs(queries, passages)
        result = tune("sentence-transformers/all-MiniLM-L6-v2", dataset, epochs=2)
        result.model.save("my-model")
        ```
    """
    known = [*TrainConfig.model_fields, *_ENCODING]
    if wrong := [unknown(name, known) for name in settings if name not in known]:
        raise ConfigError.collect("tune", wrong)
    encoding = {name: settings.pop(name) for name in _ENCODING if name in settings}
    config = TrainConfig(**{"method": method, "seed": seed, **settings})
    if not dataset.splits["train"].queries:
        raise DataError(
            f"tune: expected train queries, found none in {dataset!r}",
            hint="dataset.split() deals the queries to train, dev and test",
        )
    dataset = dataset.with_dev(seed=seed)
    with ExitStack() as stack:
        folder = Path(run or stack.enter_context(tempfile.TemporaryDirectory(prefix="embedtune-tune-")))
        name = _base_name(model, folder)
        if "window_tokens" not in encoding:
            prompts = {key: value for key, value in encoding.items() if key != "window_overlap"}
            window = Encoder(load_model(find_model(name), **prompts)).window
            encoding["window_tokens"] = min(window, _LONGEST_WINDOW)
        source = folder / "source"
        dataset.save(source)
        generate(GenerateConfig(source=source, model=name, queries_from="source", seed=seed, **encoding), folder)
        record = train(config, folder, callbacks=callbacks).record
        tuned = load_model(folder / "model" / "merged", trust_remote_code=encoding.get("trust_remote_code", False))
    assert record.dev is not None
    return TuneResult(
        model=tuned,
        kept=record.shipped,
        method=record.method,
        strength=record.strength,
        base_mrr=record.dev.base,
        gain=record.dev.gain,
        standard_error=record.dev.standard_error,
        fusion_weight=record.fusion_weights[record.shipped],
        folder=folder if run else None,
    )


@quiet_libraries()
def evaluate_models(
    models: Mapping[str, str | os.PathLike[str] | SentenceTransformer],
    dataset: Dataset,
    *,
    measures: Sequence[str] = DEFAULT_MEASURES,
    search: Sequence[str] = ("dense",),
    weight: float = DEFAULT_WEIGHT,
    split: str = "test",
    depth: int = 100,
    trust_remote_code: bool = False,
    seed: int = 0,
) -> Report:
    """Measure models on a dataset in memory; nothing has to be trained, and nothing is written.

    Args:
        models: Name → hub name, folder, or a loaded model. The first is what the others are compared with.
        dataset: The whole corpus is searched.
        measures: As ``compare`` takes them.
        search: Kinds of search: ``dense``, ``hybrid`` (weighted sum of z-scores with BM25), ``rrf``, ``rerank`` (late
            interaction) and ``bm25``. Systems are named by model and kind: ``mine``, ``hybrid_mine``, and ``bm25``.
        weight: Of the dense side in ``hybrid`` and ``rerank``, in [0, 1].
        split: Whose queries are asked: ``train``, ``dev`` or ``test``.
        depth: Passages of each query that are found; no cutoff of a measure may be larger.
        trust_remote_code: Run code that comes with a model.
        seed: Of the resamples.

    Returns:
        Means of each system and their comparisons; queries are clustered by document, or by section where documents are
        few, and the verdict is on the second model in place of the first.

    Raises:
        ConfigError: If a model, a measure or a kind of search is unknown.
        DataError: If the split has no queries.

    Examples:
        >>> dataset = Dataset.from_pairs(["cold drinks"], ["The fridge keeps drinks cold."], split="test")
        >>> report = evaluate_models({"base": "sentence-transformers/all-MiniLM-L6-v2"}, dataset, measures=["ndcg@10"])
        >>> report["base"]
        {'ndcg@10': 1.0}
    """
    check_measures(measures, depth)
    kinds = [find_kind(kind) for kind in search]
    queries = dataset.splits.get(split)
    if not models or not kinds:
        raise ConfigError("evaluate_models: expected one or more models and kinds of search, found none")
    if queries is None or not queries.queries:
        raise DataError(f"{split}: expected queries, found none in {dataset!r}", hint="choose another split")
    ids, texts = [query.query_id for query in queries.queries], [query.text for query in queries.queries]
    runs: dict[str, Run] = {}
    for name, model in models.items():
        encoder = Encoder(opened_model(model, trust_remote_code=trust_remote_code))
        searcher = HybridSearcher(dataset.passages, encoder, weight=weight)
        searcher.left_out = own_units(queries, dataset.passages)
        found = searcher.runs(ids, texts, encoder.encode_queries(texts), kinds, depth)
        runs |= {("bm25" if kind == "bm25" else str(System(kind, name))): run for kind, run in found.items()}
    order = [str(System(kind.name, name)) for kind in kinds if kind.name != "bm25" for name in models]
    labels = group_queries(queries, dataset.passages).labels
    by_system = {name: runs[name] for name in [*order, *runs.keys() - set(order)]}
    return compare(queries.qrels, by_system, measures=measures, clusters=labels, seed=seed)


def _base_name(model: str | os.PathLike[str] | SentenceTransformer, folder: Path) -> str:
    """Return a name that the stages can load; a loaded model is saved in the folder."""
    if isinstance(model, str | os.PathLike):
        return os.fspath(model)
    opened_model(model)
    saved = folder / "base"
    model.save_pretrained(str(saved), create_model_card=False)
    return str(saved)
