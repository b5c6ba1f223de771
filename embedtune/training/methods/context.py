"""What an candidate takes and what comes out of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from embedtune.config.settings import GenerateConfig, TrainConfig
from embedtune.dataset import Dataset
from embedtune.models.encoder import Encoder, load_model
from embedtune.project.vector_cache import VectorCache
from embedtune.retrieval.corpus import relevant_passages, windows_of
from embedtune.text.hashing import hash_json
from embedtune.training.checkpoints import Checkpoints
from embedtune.training.dev_set import DevSet, choose_fusion_weight
from embedtune.training.fit import DevRetrieval
from embedtune.training.selection import Decision, decide
from embedtune.types import Floats, Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from embedtune.training.trainable import Method


def load_base(folder: Path, dataset_config: GenerateConfig) -> SentenceTransformer:
    """Load the base, with the prompts of the dataset."""
    return load_model(
        folder,
        query_prompt=dataset_config.query_prompt,
        document_prompt=dataset_config.document_prompt,
        trust_remote_code=dataset_config.trust_remote_code,
    )


@dataclass(frozen=True, eq=False)
class Context:
    """What all candidates of one training share.

    Attributes:
        config: How to train.
        dataset_config: How the dataset was made.
        base_folder: The base model.
        dataset: Passages, queries and judgements.
        base: The base model's encoder.
        precision: ``fp32`` or ``bf16``.
        retrieval: Dev retrieval.
        vectors: Vectors of the whole corpus, kept on disk.
        checkpoints: Folder of the checkpoints.
        identity: Of the training.
    """

    config: TrainConfig
    dataset_config: GenerateConfig
    base_folder: Path
    dataset: Dataset
    base: Encoder
    precision: str
    retrieval: DevRetrieval
    vectors: VectorCache
    checkpoints: Path
    identity: str

    @property
    def dev(self) -> DevSet:
        """The dev set."""
        return self.retrieval.dev

    @cached_property
    def base_weight(self) -> float:
        """The weight of the base in fusion."""
        return choose_fusion_weight(self.dev, self.retrieval.base)

    def load_base(self) -> SentenceTransformer:
        """Load another copy of the base, with the prompts of the dataset."""
        return load_base(self.base_folder, self.dataset_config)

    def relevant(self) -> dict[str, list[int]]:
        """Return for each train query the indices of its passages."""
        return relevant_passages(self.dataset.splits["train"], self.dataset.passages)

    def sample_passages(self, demanded: Collection[int] = ()) -> list[int]:
        """Return the passages that are searched and counted: all, or of a large corpus a sample that holds what is demanded."""
        n, most = len(self.dataset.passages), self.config.query_side.max_passages
        if n <= most:
            return list(range(n))
        order = np.random.default_rng(self.config.seed).permutation(n).tolist()
        known = set(demanded)
        others = [passage for passage in order if passage not in known]
        return sorted([*known, *others[: max(0, most - len(known))]])

    def windows(self) -> Sequence[list[str]]:
        """Return the windows of each passage, cut when they are asked for."""
        return windows_of(
            self.dataset.passages, self.base, self.dataset_config.window_tokens, self.dataset_config.window_overlap
        )

    def checkpoints_of(self, name: str) -> Checkpoints:
        """Return the checkpoints of one candidate."""
        identity = hash_json([self.identity, name])
        return Checkpoints(self.checkpoints / name, identity, seconds=self.config.checkpoint_seconds)


class Candidate(NamedTuple):
    """A way to tune, tried.

    Attributes:
        name: Of the method.
        method: Holds what was trained, at full strength.
        scheme: How the frozen weights are kept.
        decision: What the gate says of it, against the base.
        dense: Dev scores at the chosen or best strength, ``(n_queries, n_passages)``.
        rows: The training examples, for ``pairs.jsonl``.
        facts: For the manifest.
        fusion_weight: Of the dense side, where the method says it; None has it chosen on dev.
    """

    name: str
    method: Method
    scheme: str
    decision: Decision
    dense: Vectors
    rows: list[dict[str, str]]
    facts: dict[str, Any]
    fusion_weight: float | None = None


def search_strengths(context: Context, method: Method, *, full: Vectors | None = None) -> dict[float, Vectors]:
    """Return dev scores at every strength of the settings; those at full strength may be known from a check."""
    return {
        alpha: full
        if alpha == 1 and full is not None
        else context.retrieval.search_with(method, alpha, f"dev: strength {alpha:g}")
        for alpha in context.config.strengths
    }


def judge(context: Context, dense: Mapping[float, Vectors]) -> tuple[Decision, Vectors, dict[str, Any]]:
    """Ask the gate about one candidate.

    Args:
        context: With the dev set.
        dense: Dev scores by strength, or by whatever else was tried.

    Returns:
        The decision, the scores of the best strength, and facts.
    """
    dev = context.dev
    base = dev.reciprocal_ranks(context.retrieval.base)
    scores = {strength: dev.reciprocal_ranks(matrix) for strength, matrix in dense.items()}
    decision = decide(base, scores, dev.clusters)
    best = max(scores, key=lambda strength: (scores[strength].mean(), -strength))
    facts = {
        "by_strength": {f"{strength:g}": mean(values) for strength, values in scores.items()},
        "gain": round(decision.gain, 4),
        "standard_error": round(decision.error, 4),
    }
    return decision, dense[best], facts


def mean(scores: Floats) -> float:
    """Return a mean as manifests show it."""
    return round(float(scores.mean()), 4)
