"""Which passages a vector store of a run has too many and too few, after its documents have changed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

from embedtune.errors import DataError
from embedtune.formats import beir
from embedtune.models.encoder import load_encoder
from embedtune.pipeline import preflight
from embedtune.pipeline.chunk_corpus import chunk_corpus
from embedtune.pipeline.make_dataset import read_for
from embedtune.pipeline.status import Status
from embedtune.project.layout import DATASET
from embedtune.project.manifest import read_manifest
from embedtune.project.records import DatasetRecord
from embedtune.project.trained_run import dataset_settings


class PassageChanges(NamedTuple):
    """Ids of passages to delete and to add, each in the order of its corpus, and how many stay."""

    delete: list[str]
    add: list[str]
    kept: int


def passage_changes(run: Path | str, status: Status) -> PassageChanges:
    """Read and chunk the documents as they are now, and compare their passages with those of the dataset.

    The id of a passage is a hash of its document's name and its text, so what has not changed keeps it.

    Raises:
        DataError: If the documents are not there, or cannot be read.
        ConfigError: If the base model, whose tokenizer measures passages, is not found.
    """
    if status.documents is None:
        raise DataError(f"{run}: expected documents to compare with, found that {status.why_unknown}")
    before = _ids(Path(run) / DATASET)
    now = _ids_of_documents(Path(run), status.source) if status.documents else before
    return PassageChanges(
        [name for name in before if name not in now],
        [name for name in now if name not in before],
        len(before.keys() & now.keys()),
    )


def _ids(folder: Path) -> dict[str, None]:
    return dict.fromkeys(passage.passage_id for passage in beir.stream_passages(folder))


def _ids_of_documents(run: Path, source: str) -> dict[str, None]:
    recorded = read_manifest(run / DATASET, DatasetRecord)
    labels = tuple(recorded.circumstances.labels or ())
    config = dataset_settings(recorded).model_copy(update={"source": source, "labels": labels})
    encoder = load_encoder(preflight.find_base(config.model, run / DATASET), config, "fp32")
    read, survey = read_for(config, run)
    with tempfile.TemporaryDirectory(prefix="embedtune-") as scratch:
        chunk_corpus(read, encoder, config, Path(scratch), n_chars=survey.n_chars)
        return _ids(Path(scratch))
