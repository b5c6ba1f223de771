"""What a run folder holds: the names of its stages, of its report, and of the files that systems and query sets give."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

# Made by ``generate``, ``train``, ``evaluate``, ``fit_query_adapter``, ``mine_run``, ``tune_generator`` and ``search``.
DATASET, MODEL, EVAL, QUERY_ADAPTER, NEGATIVES = "dataset", "model", "eval", "query_adapter", "hard_negatives"
WRITER, SEARCH = "writer", "search"
STAGES = (DATASET, MODEL, EVAL, QUERY_ADAPTER, NEGATIVES, WRITER, SEARCH)
BEFORE = "before"  # in a model stage: what its training went on from; and the name of that system
VECTORS = ".vectors"  # passage vectors of the base and the tuned model, which train, eval and serving share
CHECKPOINTS = ".checkpoints"  # state of a training that has not ended, to resume from
TRIALS = ".search"  # the study of a search, and checkpoints of its best and its last trial
TRAINER_LOGS = "logs"  # by method, where ``train.trainer_args.report_to`` asks for files
PAGE = "report.html"  # of an evaluation, and of each of its query sets where there are several
_OWN_FILES = frozenset(
    {"manifest.json", "metrics.json", "per_query.tsv", "model_card.md", "report.json", "report.md", "readme.md", PAGE}
)


def file_name(name: str) -> str:
    """Return a name that can be a file's anywhere: ``BAAI/bge-small-en`` becomes ``BAAI_bge-small-en``."""
    plain = re.sub(r"[^\w.+-]+", "_", name)
    return plain if plain.strip(".") else f"_{plain.replace('.', '_')}"


def set_folder(name: str) -> str:
    """Return the folder of a query set in an evaluation, which is none of the evaluation's own files."""
    plain = file_name(name)
    taken = plain.casefold() in _OWN_FILES or plain.casefold().endswith(".trec")
    return f"{plain}_queries" if taken else plain


def doubles(names: Sequence[str]) -> list[str]:
    """Return the names that share a file name with another, each once; case is ignored, as on some disks."""
    counts = Counter(set_folder(name).casefold() for name in names)
    return list(dict.fromkeys(name for name in names if counts[set_folder(name).casefold()] > 1))
