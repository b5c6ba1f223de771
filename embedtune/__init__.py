"""Fine-tune an embedding model for retrieval on your own documents, and prove what it gained.

In memory::

    from embedtune import Dataset, evaluate_models, tune

    dataset = Dataset.from_pairs(queries, passages)
    result = tune("sentence-transformers/all-MiniLM-L6-v2", dataset)
    print(evaluate_models({"base": "sentence-transformers/all-MiniLM-L6-v2", "mine": result.model}, dataset))

From documents, in a run folder, as on the command line::

    import embedtune

    embedtune.generate(source="docs", out="runs/mine")
    embedtune.train(run="runs/mine")
    print(embedtune.evaluate(run="runs/mine"))

Importing this package loads nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedtune.advise.advise import advise
    from embedtune.api import TuneResult, evaluate_models, tune
    from embedtune.config.settings import EvaluateConfig, GenerateConfig, RunConfig, SplitConfig
    from embedtune.config.training import TrainConfig
    from embedtune.dataset import Dataset
    from embedtune.documents.chunking import chunk
    from embedtune.documents.splits import split_by_document
    from embedtune.errors import (
        ConfigError,
        DataError,
        EmbedtuneError,
        IntegrityError,
        InUseError,
        ProviderError,
        QualityError,
        ResourceError,
        StoppedError,
    )
    from embedtune.evaluation.report import Report, compare
    from embedtune.events import listen
    from embedtune.pipeline.evaluate import evaluate
    from embedtune.pipeline.generate import generate
    from embedtune.pipeline.run import run
    from embedtune.pipeline.train import train
    from embedtune.project.stage import StageResult
    from embedtune.retrieval.fusion import fuse
    from embedtune.retrieval.searcher import HybridSearcher
    from embedtune.serving.embedder import Embedder
    from embedtune.serving.retriever import Retriever
    from embedtune.synthesis.query_sampler import synthesize_queries
    from embedtune.systems import System
    from embedtune.text.dedup import deduplicate
    from embedtune.training.losses import CorpusDistillationLoss, GuidedContrastiveLoss
    from embedtune.training.negatives import mine_hard_negatives, select_negatives
    from embedtune.types import Passage, Query, QuerySet

__version__ = "0.1.0"

_HOMES = {
    name: module
    for module, names in {
        "embedtune.advise.advise": "advise",
        "embedtune.api": "TuneResult evaluate_models tune",
        "embedtune.config.settings": "EvaluateConfig GenerateConfig RunConfig SplitConfig TrainConfig",
        "embedtune.dataset": "Dataset",
        "embedtune.documents.chunking": "chunk",
        "embedtune.documents.splits": "split_by_document",
        "embedtune.errors": "ConfigError DataError EmbedtuneError InUseError IntegrityError ProviderError "
        "QualityError ResourceError StoppedError",
        "embedtune.evaluation.report": "Report compare",
        "embedtune.events": "listen",
        "embedtune.pipeline.evaluate": "evaluate",
        "embedtune.pipeline.generate": "generate",
        "embedtune.pipeline.run": "run",
        "embedtune.pipeline.train": "train",
        "embedtune.project.stage": "StageResult",
        "embedtune.retrieval.fusion": "fuse",
        "embedtune.retrieval.searcher": "HybridSearcher",
        "embedtune.serving.embedder": "Embedder",
        "embedtune.serving.retriever": "Retriever",
        "embedtune.synthesis.query_sampler": "synthesize_queries",
        "embedtune.systems": "System",
        "embedtune.text.dedup": "deduplicate",
        "embedtune.training.losses": "CorpusDistillationLoss GuidedContrastiveLoss",
        "embedtune.training.negatives": "mine_hard_negatives select_negatives",
        "embedtune.types": "Passage Query QuerySet",
    }.items()
    for name in names.split()
}

__all__ = [
    "ConfigError",
    "CorpusDistillationLoss",
    "DataError",
    "Dataset",
    "Embedder",
    "EmbedtuneError",
    "EvaluateConfig",
    "GenerateConfig",
    "GuidedContrastiveLoss",
    "HybridSearcher",
    "InUseError",
    "IntegrityError",
    "Passage",
    "ProviderError",
    "QualityError",
    "Query",
    "QuerySet",
    "Report",
    "ResourceError",
    "Retriever",
    "RunConfig",
    "SplitConfig",
    "StageResult",
    "StoppedError",
    "System",
    "TrainConfig",
    "TuneResult",
    "__version__",
    "advise",
    "chunk",
    "compare",
    "deduplicate",
    "evaluate",
    "evaluate_models",
    "fuse",
    "generate",
    "listen",
    "mine_hard_negatives",
    "run",
    "select_negatives",
    "split_by_document",
    "synthesize_queries",
    "train",
    "tune",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
        # After the import, which would name a part of the package: embedtune.advise is the function.
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
