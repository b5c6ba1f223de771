"""Fine-tune an embedding model for retrieval on your own documents, and prove what it gained.

The four functions of the command line, for Python::

    from pathlib import Path
    import embedtune

    out = Path("runs/mine")
    embedtune.generate(embedtune.GenerateConfig(source="docs"), out)
    embedtune.train(embedtune.TrainConfig(), out)
    result = embedtune.evaluate(embedtune.EvaluateConfig(), out)
    print(result.record.verdict.reasons)

``embedtune.run(RunConfig(...))`` does the three in one, and ``embedtune.advise(GenerateConfig(...))`` says beforehand what is
worth doing. Importing this package loads nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedtune.advise.advise import advise
    from embedtune.config.settings import EvaluateConfig, GenerateConfig, RunConfig, SplitConfig, TrainConfig
    from embedtune.dataset import Dataset
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
    from embedtune.pipeline.evaluate import evaluate
    from embedtune.pipeline.generate import generate
    from embedtune.pipeline.run import run
    from embedtune.pipeline.train import train
    from embedtune.project.stage import StageResult
    from embedtune.retrieval.fusion import fuse

__version__ = "0.1.0"

_HOMES = {
    "ConfigError": "embedtune.errors",
    "DataError": "embedtune.errors",
    "Dataset": "embedtune.dataset",
    "EmbedtuneError": "embedtune.errors",
    "EvaluateConfig": "embedtune.config.settings",
    "GenerateConfig": "embedtune.config.settings",
    "IntegrityError": "embedtune.errors",
    "InUseError": "embedtune.errors",
    "ProviderError": "embedtune.errors",
    "QualityError": "embedtune.errors",
    "Report": "embedtune.evaluation.report",
    "ResourceError": "embedtune.errors",
    "RunConfig": "embedtune.config.settings",
    "SplitConfig": "embedtune.config.settings",
    "StageResult": "embedtune.project.stage",
    "StoppedError": "embedtune.errors",
    "TrainConfig": "embedtune.config.settings",
    "advise": "embedtune.advise.advise",
    "compare": "embedtune.evaluation.report",
    "evaluate": "embedtune.pipeline.evaluate",
    "fuse": "embedtune.retrieval.fusion",
    "generate": "embedtune.pipeline.generate",
    "run": "embedtune.pipeline.run",
    "train": "embedtune.pipeline.train",
}

__all__ = [
    "ConfigError",
    "DataError",
    "Dataset",
    "EmbedtuneError",
    "EvaluateConfig",
    "GenerateConfig",
    "InUseError",
    "IntegrityError",
    "ProviderError",
    "QualityError",
    "Report",
    "ResourceError",
    "RunConfig",
    "SplitConfig",
    "StageResult",
    "StoppedError",
    "TrainConfig",
    "__version__",
    "advise",
    "compare",
    "evaluate",
    "fuse",
    "generate",
    "run",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
