"""What a training would see of the sample, so that its own attempts can be tried on it."""

from __future__ import annotations

from pathlib import Path

from embedtune.advice.judging import Judge
from embedtune.advice.remembering import RememberingEncoder
from embedtune.config import GenerateConfig, QuerySideConfig, TrainConfig
from embedtune.records import Dataset, QuerySet
from embedtune.retrieval.encoder import load_model
from embedtune.stages.attempts.attempt import Context
from embedtune.stages.corpus import windows_of
from embedtune.stages.fit import DevRetrieval
from embedtune.stages.vectors import VectorCache

MIN_QUERIES = 64
"""Train queries under which nothing is tried: there would be fewer than four steps of sixteen."""


def trial_config(n_queries: int, seed: int) -> TrainConfig:
    """Return the settings of a small training: full strength alone, so that nothing is chosen on the queries that judge."""
    batch = min(QuerySideConfig().batch_size, max(1, n_queries // 4))
    return TrainConfig(method="linear", strengths=(1.0,), checks=1, query_side={"batch_size": batch}, seed=seed)


def build_context(
    judge: Judge,
    train: QuerySet,
    base: RememberingEncoder,
    *,
    made: GenerateConfig,
    base_folder: Path,
    scratch: Path,
) -> Context:
    """Search the sample with the base, and set up what attempts share.

    Args:
        judge: With the sample, whose queries take the place of dev.
        train: Queries to learn from; their passages are in the sample.
        base: The base's encoder.
        made: How passages are cut and which prompts are used.
        base_folder: The base's files.
        scratch: A folder that vanishes afterwards.
    """
    dev = judge.dev_set(lambda passages: windows_of(passages, base, made.window_tokens, made.window_overlap))
    plain = load_model(
        base_folder,
        query_prompt=made.query_prompt,
        document_prompt=made.document_prompt,
        trust_remote_code=made.trust_remote_code,
    )
    nothing = QuerySet("", [], {}, "passage")
    return Context(
        config=trial_config(len(train.queries), made.seed),
        made=made,
        base_folder=base_folder,
        dataset=Dataset(judge.sample.passages, {"train": train, "dev": nothing, "test": nothing}),
        base=base,
        precision=base.precision,
        retrieval=DevRetrieval(dev, base, plain, precision=base.precision),
        vectors=VectorCache(scratch / "vectors"),
        checkpoints=scratch / "checkpoints",
        identity="",
    )
