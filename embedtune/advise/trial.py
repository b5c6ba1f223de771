"""What a training would see of the sample, so that its own candidates can be tried on it."""

from __future__ import annotations

from pathlib import Path

from embedtune.advise.caching_encoder import CachingEncoder
from embedtune.advise.evaluator import Judge
from embedtune.config.settings import GenerateConfig, QuerySideConfig, TrainConfig
from embedtune.dataset import Dataset
from embedtune.models.encoder import load_encoder
from embedtune.retrieval.corpus import windows_of
from embedtune.training.dev_set import DevRetrieval
from embedtune.training.methods.context import Context
from embedtune.types import QuerySet

MIN_QUERIES = 64
"""Train queries under which nothing is tried: there would be fewer than four steps of sixteen."""


def trial_config(n_queries: int, seed: int) -> TrainConfig:
    """Return the settings of a small training: full strength alone, so that nothing is chosen on the queries that judge."""
    batch = min(QuerySideConfig().batch_size, max(1, n_queries // 4))
    return TrainConfig(method="linear", strengths=(1.0,), n_evals=1, query_side={"batch_size": batch}, seed=seed)


def build_context(
    judge: Judge,
    train: QuerySet,
    base: CachingEncoder,
    *,
    dataset_config: GenerateConfig,
    base_folder: Path,
) -> Context:
    """Search the sample with the base, and set up what candidates share.

    Args:
        judge: With the sample, whose queries take the place of dev.
        train: Queries to learn from; their passages are in the sample.
        base: The base's encoder.
        dataset_config: How passages are cut and which prompts are used.
        base_folder: The base's files.
    """
    dev = judge.dev_set(
        lambda passages: windows_of(passages, base, dataset_config.window_tokens, dataset_config.window_overlap)
    )
    nothing = QuerySet("", [], {}, "passage")
    return Context(
        config=trial_config(len(train.queries), dataset_config.seed),
        dataset_config=dataset_config,
        dataset=Dataset(judge.sample.passages, {"train": train, "dev": nothing, "test": nothing}),
        base=base,
        encode_corpus=base.encode_documents,
        base_folder=base_folder,
        retrieval=DevRetrieval(dev, base, lambda: load_encoder(base_folder, dataset_config, base.precision).model),
    )
