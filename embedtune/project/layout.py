"""What a run folder holds: the names of its stages, of its report, and of the files that systems and query sets give."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

# Made by ``generate``, ``train``, ``evaluate``, ``fit_query_adapter`` and ``mine_run``.
DATASET, MODEL, EVAL, QUERY_ADAPTER, NEGATIVES = "dataset", "model", "eval", "query_adapter", "hard_negatives"
VECTORS = ".vectors"  # passage vectors of the base and the tuned model, which train, eval and serving share
CHECKPOINTS = ".checkpoints"  # state of a training that has not ended, to resume from
TRAINER_LOGS = "logs"  # by method, where ``train.trainer_args.report_to`` asks for files
PAGE = "report.html"  # of an evaluation, and of each of its query sets where there are several


def file_name(name: str) -> str:
    """Return a name that can be a file's anywhere: ``BAAI/bge-small-en`` becomes ``BAAI_bge-small-en``."""
    return re.sub(r"[^\w.+-]+", "_", name)


def doubles(names: Sequence[str]) -> list[str]:
    """Return the names that share a file name with another, each once; case is ignored, as on some disks."""
    counts = Counter(file_name(name).casefold() for name in names)
    return list(dict.fromkeys(name for name in names if counts[file_name(name).casefold()] > 1))
