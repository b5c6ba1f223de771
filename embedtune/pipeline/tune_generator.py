"""Tune a query writer on the judged queries of a source: ``OUT/writer``, for ``generate --adapter``."""

from __future__ import annotations

from pathlib import Path

from embedtune.config.settings import takes_settings
from embedtune.config.writer import WriterConfig
from embedtune.documents.readers.files import ReadingLimits
from embedtune.documents.reading import read_source
from embedtune.llm.local_models import open_base
from embedtune.machine import nearest_folder
from embedtune.project.layout import WRITER
from embedtune.project.lock import locked
from embedtune.project.manifest import library_versions, stage_folder
from embedtune.project.records import WriterRecord
from embedtune.project.stage import StageResult, skip_or_plan
from embedtune.synthesis.writer.pairs import pairs_of
from embedtune.synthesis.writer.tuning import tune_writer
from embedtune.text.hashing import hash_json


@takes_settings(WriterConfig, first="source")
@locked("out")
def tune_generator(
    config: WriterConfig, out: Path, *, force: bool = False, dry_run: bool = False
) -> StageResult[WriterRecord]:
    """Fine-tune a language model to write queries as the judged train and dev queries of a source are: ``OUT/writer``.

    Test queries are never read. Nothing is half-written: the folder is there when the writer is whole.

    Args:
        config: Settings; ``config.source`` says what to read, ``config.llm`` which model to tune.
        out: The run folder, or any other.
        force: Tune even if nothing has changed.
        dry_run: Read the source and plan; write nothing.

    Returns:
        With a record of the likelihood of held-out queries before and after, and of how close the writer's queries and the
        base's come to people's.

    Raises:
        ConfigError: If the model cannot be loaded, or an extra is missing.
        DataError: If the source has too few judged queries.
        ResourceError: If the folder cannot be written.
        InUseError: If another process works in the folder.
    """
    folder = Path(out) / WRITER
    base = open_base(config.llm.removeprefix("hf:"))
    limits = ReadingLimits(**config.reading.model_dump())
    source = read_source(config.source, labels=config.labels, limits=limits, scratch=nearest_folder(folder.parent))
    pairs = pairs_of(source, config.seed)
    identity = {
        "stage": "tune-generator",
        "config": config.model_dump(mode="json", exclude={"source", "labels", "reading", "llm"}),
        "pairs": hash_json(pairs),
        "model": base.hash,
        "versions": library_versions(),
    }
    plan = {"source": source.name, "judged_queries": len(pairs)}
    if result := skip_or_plan(folder, identity, WriterRecord, plan, force=force, dry_run=dry_run):
        return result
    with stage_folder(folder, identity) as stage:
        writer = tune_writer(base, pairs, config)
        writer.save(stage.path)
        stage.record = writer.record
    return StageResult(folder, "done", writer.record)
