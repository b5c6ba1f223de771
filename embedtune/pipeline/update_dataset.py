"""The dataset stage of an update: the documents that have changed are read and cut, the others stay as they were."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

from embedtune.config.settings import GenerateConfig
from embedtune.dataset import read_dataset, write_labels
from embedtune.documents.chunking import count_tokens
from embedtune.documents.inventory import Changes, take_inventory, write_inventory
from embedtune.documents.readers.files import ReadingLimits
from embedtune.documents.reading import read_source, survey
from embedtune.formats import beir
from embedtune.machine import nearest_folder
from embedtune.models.encoder import Encoder, load_encoder
from embedtune.pipeline import preflight
from embedtune.pipeline.chunk_corpus import WindowTally, chunk_corpus
from embedtune.project.layout import DATASET
from embedtune.project.manifest import Circumstances, Manifest, library_versions, stage_folder
from embedtune.project.records import DatasetRecord
from embedtune.project.stage import StageResult
from embedtune.regular import open_regular
from embedtune.synthesis.update import Updated, count_kinds, update_dataset
from embedtune.text.hashing import hash_json
from embedtune.types import Note, Passage, Skipped, Source


def write_update(
    run: Path, recorded: Manifest[DatasetRecord], config: GenerateConfig, changes: Changes
) -> StageResult[DatasetRecord]:
    """Replace ``RUN/dataset`` by one for the documents as they are now; see ``synthesis.update.update_dataset``.

    ``config`` has the source. Raises as ``pipeline.update.update`` does.
    """
    files = take_inventory(config.source)  # before they are read, as in generate
    only = {*changes.new, *changes.changed, *(now for _, now in changes.renamed)}
    left = {*changes.changed, *changes.gone, *(name for name, _ in changes.renamed)}
    limits, scratch = ReadingLimits(**config.reading.model_dump()), nearest_folder(run)
    source = read_source(config.source, limits=limits, strict=config.strict, scratch=scratch, only=only)
    encoder = load_encoder(preflight.find_base(config.model, run / DATASET, download=False), config, "fp32")
    before = read_dataset(run / DATASET)
    updated = update_dataset(before, _cut(source, encoder, config), left, config)
    identity = {
        "stage": "update",
        "config": recorded.identity.config,
        "before": recorded.outputs_hash,
        "files": hash_json(files),
        "model": recorded.identity.model,
        "versions": library_versions(),
    }
    skipped = [Skipped(*row) for row in _rows(run / DATASET / "skipped.tsv", left | only)] + list(source.skipped)
    notes = [Note(*row) for row in _rows(run / DATASET / "notes.tsv", left | only)] + list(source.notes)
    with stage_folder(run / DATASET, identity) as stage:
        beir.write_passages(stage.path, updated.passages)
        write_labels(stage.path, updated.splits, skipped, notes)
        write_inventory(stage.path, files)
        stage.record = record = _record(recorded.record, updated, len(skipped), encoder, config)
        stage.circumstances = Circumstances(source=recorded.circumstances.source, labels=[])
    return StageResult(run / DATASET, "done", record)


def _cut(source: Source, encoder: Encoder, config: GenerateConfig) -> list[Passage]:
    if not len(source.documents):
        return []
    with tempfile.TemporaryDirectory(prefix="embedtune-") as scratch:
        chunk_corpus(source, encoder, config, Path(scratch), n_chars=survey(source).n_chars)
        return list(beir.stream_passages(Path(scratch)))


def _record(
    before: DatasetRecord, updated: Updated, n_skipped: int, encoder: Encoder, config: GenerateConfig
) -> DatasetRecord:
    windows = WindowTally(encoder, min(config.window_tokens, encoder.window), config.window_overlap)
    for passage, n_tokens in count_tokens(updated.passages, encoder.token_counts):
        windows.add(passage, n_tokens)
    return before.model_copy(
        update={
            "documents": len({passage.document_id for passage in updated.passages}),
            "skipped": n_skipped,
            "passages": len(updated.passages),
            "identical_passages": len(updated.passages) - len({each.full_text for each in updated.passages}),
            "queries": count_kinds(updated.splits),
            "dropped_queries": dict(updated.dropped),
            "window": windows.record(),
            "updated_documents": sorted({passage.document_id for passage in updated.new}),
        }
    )


def _rows(path: Path, without: Collection[str]) -> Iterator[list[str]]:
    """Yield the rows of a table of documents, without those of some."""
    if not path.is_file():
        return
    with open_regular(path) as file:
        lines = (line.decode("utf-8") for line in file)
        for row in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row[0] != "document" and row[0] not in without:
                yield row[:2]
