"""Stage 1: documents → passages → queries and judgements, split by document."""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from embedtune.config.settings import GenerateConfig, takes_settings
from embedtune.dataset import write_labels
from embedtune.documents.limits import ReadingLimits
from embedtune.documents.reading import read_source
from embedtune.errors import DataError
from embedtune.formats import beir
from embedtune.machine import nearest_folder
from embedtune.models.encoder import Encoder, load_model
from embedtune.models.language_fit import language_warning
from embedtune.models.locate import hash_model
from embedtune.pipeline import preflight
from embedtune.pipeline.chunk_corpus import Cut
from embedtune.project.layout import DATASET
from embedtune.project.lock import hold
from embedtune.project.manifest import library_versions, stage_folder
from embedtune.project.stage import StageResult, finished_or_planned
from embedtune.synthesis.labelled import add_labelled, judged_documents, judged_passages, translate
from embedtune.synthesis.llm.plan import asks_llm, identity_settings
from embedtune.synthesis.llm.queries import LlmQueries
from embedtune.synthesis.query_sampler import Drawing, joined_by_document, train_kinds
from embedtune.synthesis.statistics import CorpusStatistics
from embedtune.text.hashing import hash_rows
from embedtune.types import SPLITS, Passage, QuerySet, Source

Result = TypeVar("Result")
_log = logging.getLogger("embedtune")


@takes_settings(GenerateConfig, first="source")
def generate(config: GenerateConfig, out: Path, *, force: bool = False, dry_run: bool = False) -> StageResult:
    """Make a dataset from documents: ``OUT/dataset`` with passages, queries and qrels in BEIR form.

    Args:
        config: Settings; ``config.source`` says what to read.
        out: The run folder.
        force: Work even if nothing has changed.
        dry_run: Read the source and tell what would happen; write nothing.

    Returns:
        Facts: counts of documents, passages and queries by split and kind, what the filters dropped, and the share of
        tokens that a plain truncation at the model's window would lose.

    Raises:
        ConfigError: If the model cannot be found.
        DataError: If the source has no usable text or gives too few queries, or a file cannot be read and
            ``config.strict`` is set.
        ResourceError: If the folder cannot be written.
        InUseError: If another process works in the run folder.
        ProviderError: If a language model's provider refuses or the cost limit is reached; every answer is kept.
        StoppedError: After Ctrl-C or SIGTERM while a language model was asked; every answer is kept.
    """
    with hold(Path(out), idle=dry_run):
        return _generate(config, Path(out) / DATASET, force=force, dry_run=dry_run)


def _generate(config: GenerateConfig, folder: Path, *, force: bool, dry_run: bool) -> StageResult:
    source, survey = read_for(config, folder.parent)
    model_folder = preflight.find_base(config.model, folder)
    llm = LlmQueries(config, folder.parent) if asks_llm(config) else None
    identity = {
        "stage": "generate",
        "config": identity_settings(config),
        "source": survey.hash,
        "model": hash_model(model_folder),
        "versions": library_versions(),
        **({"llm": llm.identity()} if llm else {}),
    }
    plan = {"source": source.name, "documents": len(source.documents), "skipped": len(source.skipped)}
    check = preflight.before_generate(config, folder, model_folder, survey.n_bytes)
    force = force or (llm is not None and llm.asks_again(folder))
    if result := finished_or_planned(folder, identity, plan, force=force, dry_run=dry_run, check=check):
        if llm and result.facts.get("would_run"):
            result.facts["llm"] = _prepared(source, config, survey.n_chars, lambda drawing, *_: llm.preview(drawing))
        return result
    if llm:
        llm.check()
    for name, reason in source.skipped:
        _log.warning("%s: not read: %s", name, reason)
    facts: dict[str, Any] = {}
    circumstances: dict[str, Any] = {}
    with stage_folder(folder, identity, facts, circumstances) as temporary:
        encoder = base_encoder(config, model_folder)
        splits, found = make_dataset(
            source, encoder, config, temporary, base_folder=model_folder, n_chars=survey.n_chars, llm=llm
        )
        facts.update(plan, **found)
        if llm:
            facts["llm"] = llm.facts
            circumstances.update(llm.circumstances)
        write_labels(temporary, splits, source.skipped)
    _log.info("%s: %d passages, %s", folder, facts["passages"], _summary(facts["queries"]))
    return StageResult(folder, facts, "done")


def base_encoder(config: GenerateConfig, model_folder: Path) -> Encoder:
    """Load the base model."""
    model = load_model(
        model_folder,
        query_prompt=config.query_prompt,
        document_prompt=config.document_prompt,
        trust_remote_code=config.trust_remote_code,
    )
    return Encoder(model)


def prepare_dry_run(
    config: GenerateConfig, out: Path, act: Callable[[LlmQueries, Drawing, CorpusStatistics, Encoder], Result]
) -> Result:
    """Read and cut a source as ``generate`` would, let somebody look at what came of it, and leave nothing behind.

    Raises:
        EmbedtuneError: As ``generate`` does before it asks.
    """
    source, survey = read_for(config, out)
    llm = LlmQueries(config, out)
    return _prepared(source, config, survey.n_chars, lambda *made: act(llm, *made))


def _prepared(
    source: Source, config: GenerateConfig, n_chars: int, act: Callable[[Drawing, CorpusStatistics, Encoder], Result]
) -> Result:
    encoder = base_encoder(config, preflight.find_base(config.model, Path(DATASET)))
    with tempfile.TemporaryDirectory(prefix="embedtune-") as scratch:
        cut, drawing = prepare(source, encoder, config, Path(scratch), n_chars=n_chars)
        return act(drawing, cut.statistics, encoder)


def read_for(config: GenerateConfig, out: Path) -> tuple[Source, Survey]:
    """Read a source under the limits of the settings; ``out`` is where much text may be kept meanwhile.

    Raises:
        DataError: As ``read_source`` does.
    """
    limits = ReadingLimits(**config.reading.model_dump())
    source = read_source(config.source, limits=limits, strict=config.strict, scratch=nearest_folder(out))
    return source, _survey(source)


def make_dataset(
    source: Source,
    encoder: Encoder,
    config: GenerateConfig,
    folder: Path,
    *,
    base_folder: Path,
    n_chars: int,
    llm: LlmQueries | None = None,
) -> tuple[dict[str, QuerySet], dict[str, Any]]:
    """Cut a source into ``corpus.jsonl`` of a folder, split it, make queries and filter them; see ``generate``.

    Of a corpus beyond ``config.max_query_passages`` all this but the cutting happens to a sample; ``n_chars`` is for the
    progress. With ``llm`` the queries are written by it.
    """
    cut, drawing = prepare(source, encoder, config, folder, n_chars=n_chars)
    texts = [passage.text for passage in drawing.passages]
    warning = language_warning(config.model, base_folder, encoder, cut.statistics.language, texts)
    if warning:
        _log.warning("%s", warning)
    queries, dropped = {name: QuerySet(name, [], {}, "passage") for name in SPLITS}, dict[str, int]()
    if llm:
        queries, dropped = llm.make(drawing, cut.statistics, encoder, folder)
    elif config.queries_from != "source":
        queries, dropped = drawing.queries(cut.statistics, config)
    queries = _with_labelled(queries, source, config, drawing, folder, cut)
    _demand(queries, cut, source)
    facts = {
        "passages": cut.n_passages,
        "identical_passages": cut.n_identical,
        "drawn_from_passages": len(drawing.passages),
        "forgotten_terms": cut.statistics.n_prunings > 0,
        "split_by": drawing.split.unit,
        "near_duplicate_documents": sum(len(group) - 1 for group in drawing.documents),
        "queries": {name: dict(Counter(query.kind for query in queries[name].queries)) for name in SPLITS},
        "held_out_kind": _held_out(config),
        "dropped_queries": dropped,
        "window": cut.window,
        "language": cut.statistics.language,
        "warnings": [warning] if warning else [],
    }
    return queries, facts


def prepare(
    source: Source,
    encoder: Encoder,
    config: GenerateConfig,
    folder: Path,
    *,
    n_chars: int,
    wanted: Collection[str] = frozenset(),
) -> tuple[Cut, Drawing]:
    """Cut a source into ``corpus.jsonl`` of a folder and split what queries will be drawn from.

    Of a large corpus a sample is drawn from; it holds the documents that are ``wanted``.

    Raises:
        DataError: If there is no text.
    """
    cut = Cut(source, encoder, config, folder, n_chars=n_chars, wanted=_needed(source, config).union(wanted))
    if not cut.n_passages:
        raise DataError(f"{source.name}: expected text, found only headings in {len(source.documents)} documents")
    passages = cut.sample.passages()
    drawing = Drawing(
        passages,
        source.documents if cut.sample.is_whole else joined_by_document(passages),
        _others(folder, cut, passages),
        shares=_shares(config, source),
        seed=config.seed,
    )
    return cut, drawing


def _held_out(config: GenerateConfig) -> str | None:
    if config.queries_from == "source":
        return None
    if config.generator == "llm":
        return config.llm.held_out_kind
    return config.held_out_kind if train_kinds(config) else None


class Survey(NamedTuple):
    """What a source holds, as far as one pass tells.

    Attributes:
        hash: Of all that was read.
        n_chars: Characters of its documents.
        n_bytes: The same in UTF-8.
    """

    hash: str
    n_chars: int
    n_bytes: int


def _survey(source: Source) -> Survey:
    """Hash and measure what was read, in one pass."""
    n_chars = n_bytes = 0

    def rows() -> Iterator[object]:
        nonlocal n_chars, n_bytes
        for document in source.documents:
            n_chars += len(document.text)
            n_bytes += len(document.text.encode("utf-8", "replace"))
            yield document
        yield source.skipped
        for split, labels in source.queries.items():
            yield from ([split, *query, sorted(labels.qrels[query.query_id].items())] for query in labels.queries)

    return Survey(hash_rows(rows()), n_chars, n_bytes)


def _needed(source: Source, config: GenerateConfig) -> set[str]:
    """Return the documents that a sample must hold: those by whose side labelled queries are dealt to train and dev."""
    if config.queries_from == "generate" or "dev" in source.queries:
        return set()
    return judged_documents(source, ("train",))


def _others(folder: Path, cut: Cut, passages: list[Passage]) -> Iterator[Passage]:
    """Yield the passages that the sample has left out."""
    if not cut.sample.is_whole:
        sampled = {passage.passage_id for passage in passages}
        yield from (passage for passage in beir.stream_passages(folder) if passage.passage_id not in sampled)


def _shares(config: GenerateConfig, source: Source) -> dict[str, float]:
    """A source that brings its own test queries needs no documents set aside for generated ones."""
    shares = config.split.model_dump()
    if "test" in source.queries:
        return {"train": shares["train"] + shares["test"], "dev": shares["dev"], "test": 0.0}
    return shares


def _with_labelled(
    queries: dict[str, QuerySet], source: Source, config: GenerateConfig, drawing: Drawing, folder: Path, cut: Cut
) -> dict[str, QuerySet]:
    """Add the queries that came with the source, as far as they are asked for; its test queries always are the test."""
    asked = ("test",) if config.queries_from == "generate" else SPLITS
    if not any(name in source.queries for name in asked):
        return queries
    passages = drawing.passages
    if not cut.sample.is_whole:
        passages = judged_passages(judged_documents(source, asked), lambda: beir.stream_passages(folder))
    labelled = translate(source, passages, asked, cut.first_document)
    test = labelled.pop("test", None)
    if config.queries_from != "generate":
        queries = add_labelled(queries, labelled, drawing.split)
    return queries if test is None else {**queries, "test": test}


def _demand(queries: dict[str, QuerySet], cut: Cut, source: Source) -> None:
    for name in ("train", "dev"):
        if not queries[name].queries:
            raise DataError(
                f"{source.name}: expected queries for {name}, found none in {cut.n_passages} passages of "
                f"{len(source.documents)} documents",
                hint="add documents; a few pages of running text are the least that can be split three ways",
            )


def _summary(queries: dict[str, dict[str, int]]) -> str:
    return ", ".join(f"{sum(kinds.values())} {name} queries" for name, kinds in queries.items())
