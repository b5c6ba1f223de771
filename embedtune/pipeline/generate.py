"""Stage 1: documents → passages → queries and judgements, split by document."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from embedtune.config.settings import GenerateConfig, takes_settings
from embedtune.dataset import write_labels
from embedtune.documents.inventory import take_inventory, write_inventory
from embedtune.events import FileSkipped, emit
from embedtune.models.encoder import Encoder, load_encoder
from embedtune.models.locate import hash_model
from embedtune.pipeline import preflight
from embedtune.pipeline.make_dataset import make_dataset, prepare, read_for
from embedtune.project.layout import DATASET
from embedtune.project.lock import locked
from embedtune.project.manifest import Circumstances, library_versions, stage_folder
from embedtune.project.records import DatasetRecord
from embedtune.project.stage import Plan, StageResult, skip_or_plan
from embedtune.synthesis.llm.queries import LlmQueries
from embedtune.synthesis.llm.session import asks_llm, identity_settings
from embedtune.synthesis.query_sampler import PassagePool
from embedtune.synthesis.statistics import CorpusStatistics
from embedtune.types import Source

Result = TypeVar("Result")
_log = logging.getLogger("embedtune")


@takes_settings(GenerateConfig, first="source")
@locked("out")
def generate(
    config: GenerateConfig, out: Path, *, force: bool = False, dry_run: bool = False
) -> StageResult[DatasetRecord]:
    """Generate a dataset from documents: ``OUT/dataset`` with passages, queries and qrels in BEIR form.

    Args:
        config: Settings; ``config.source`` says what to read.
        out: The run folder.
        force: Generate even if nothing has changed.
        dry_run: Read the source and plan; write nothing.

    Returns:
        With a record of the documents, passages and queries by split and kind, of what the filters dropped, and of the
        share of tokens that truncation at the model's window would lose.

    Raises:
        ConfigError: If the model cannot be found.
        DataError: If the source has no usable text or gives too few queries, or a file cannot be read and
            ``config.strict`` is set.
        ResourceError: If the folder cannot be written.
        InUseError: If another process works in the run folder.
        ProviderError: If a language model's provider refuses or the cost limit is reached; every answer is kept.
        StoppedError: After Ctrl-C or SIGTERM during calls of a language model; every answer is kept.
    """
    folder = Path(out) / DATASET
    files = take_inventory(
        config.source, config.labels
    )  # before they are read: what changes meanwhile is seen as changed
    source, survey = read_for(config, folder.parent)
    if source.has_labels and "queries_from" not in config.model_fields_set:
        config = config.model_copy(update={"queries_from": "source"})
    model_folder = preflight.find_base(config.model, folder)
    llm = LlmQueries(config, folder.parent) if asks_llm(config) else None
    identity = {
        "stage": "generate",
        "config": identity_settings(config),
        "source": survey.hash,
        "model": hash_model(model_folder),
        "versions": library_versions(),
        **({"llm": llm.settings.identity()} if llm else {}),
    }
    plan = {"source": source.name, "documents": len(source.documents), "skipped": len(source.skipped)}
    check = partial(preflight.before_generate, config, folder, model_folder, survey.n_bytes)
    force = force or (llm is not None and llm.asks_again(folder))
    if result := skip_or_plan(folder, identity, DatasetRecord, plan, force=force, dry_run=dry_run, check=check):
        if llm and result.plan and result.plan.would_run:
            preview = _prepared(source, config, survey.n_chars, lambda pool, *_: llm.preview(pool))
            return replace(result, plan=Plan(True, {**plan, "llm": preview}))
        return result
    if llm:
        llm.check()
    for name, reason in source.skipped:
        _log.warning("%s: not read: %s", name, reason)
        emit(FileSkipped(name=name, reason=reason))
    for name, text in source.notes:
        _log.info("%s: %s", name, text)
    with stage_folder(folder, identity) as stage:
        encoder = load_encoder(model_folder, config, "fp32")
        splits, record = make_dataset(
            source, encoder, config, stage.path, base_folder=model_folder, n_chars=survey.n_chars, llm=llm
        )
        stage.record = record
        stage.circumstances = Circumstances(
            source=str(Path(config.source).absolute()) if files else config.source,
            labels=[str(Path(name).absolute()) for name in config.labels],
            llm=(llm and llm.costs) or None,
        )
        write_labels(stage.path, splits, source.skipped, source.notes)
        write_inventory(stage.path, files)
    numbers = ", ".join(f"{sum(kinds.values())} {name} queries" for name, kinds in record.queries.items())
    _log.info("%s: %d passages, %s", folder, record.passages, numbers)
    return StageResult(folder, "done", record)


def prepare_dry_run(
    config: GenerateConfig, out: Path, act: Callable[[LlmQueries, PassagePool, CorpusStatistics, Encoder], Result]
) -> Result:
    """Read and chunk a source as ``generate`` would, apply ``act`` to the result, and leave nothing behind.

    Raises:
        EmbedtuneError: As ``generate`` does before it calls a model.
    """
    source, survey = read_for(config, out)
    llm = LlmQueries(config, out)
    return _prepared(source, config, survey.n_chars, lambda *prepared: act(llm, *prepared))


def _prepared(
    source: Source,
    config: GenerateConfig,
    n_chars: int,
    act: Callable[[PassagePool, CorpusStatistics, Encoder], Result],
) -> Result:
    encoder = load_encoder(preflight.find_base(config.model, Path(DATASET)), config, "fp32")
    with tempfile.TemporaryDirectory(prefix="embedtune-") as scratch:
        corpus, pool = prepare(source, encoder, config, Path(scratch), n_chars=n_chars)
        return act(pool, corpus.statistics, encoder)
