"""Stage 1: documents → passages → queries and judgements, split by document."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from embedtune.config import GenerateConfig
from embedtune.documents.chunking import chunk_documents, keep_whole
from embedtune.documents.limits import ReadingLimits
from embedtune.documents.near_duplicates import group_near_duplicates
from embedtune.documents.reading import read_source
from embedtune.errors import DataError
from embedtune.formats.dataset import write_dataset
from embedtune.hashing import content_id, hash_json
from embedtune.manifest import library_versions, stage_folder
from embedtune.progress import track
from embedtune.queries.extractive import Draft, draft_queries
from embedtune.queries.filters import filter_drafts
from embedtune.queries.splits import Split, split_passages
from embedtune.queries.statistics import CorpusStatistics
from embedtune.ranking import best_ranks
from embedtune.records import SPLITS, Dataset, Passage, Qrels, Query, QuerySet, Source
from embedtune.retrieval.base_model import hash_model
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.encoder import Encoder, load_model
from embedtune.run_folder import hold
from embedtune.stages import preflight
from embedtune.stages.corpus import corpus_windows, same_passages
from embedtune.stages.judgements import check_judged, identical_passages, share_judgements
from embedtune.stages.result import StageResult, settled

FOLDER = "dataset"
_BLOCK = 256
_log = logging.getLogger("embedtune")


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
    """
    with hold(Path(out), idle=dry_run):
        return _generate(config, Path(out) / FOLDER, force=force, dry_run=dry_run)


def _generate(config: GenerateConfig, folder: Path, *, force: bool, dry_run: bool) -> StageResult:
    limits = ReadingLimits(**config.reading.model_dump())
    source = read_source(config.source, limits=limits, strict=config.strict)
    model_folder = preflight.find_base(config.model, folder)
    identity = {
        "stage": "generate",
        "config": config.model_dump(
            mode="json", exclude={"source", "reading", "strict"}
        ),  # what was read is hashed below
        "source": _hash_source(source),
        "model": hash_model(model_folder),
        "versions": library_versions(),
    }
    plan = {"source": source.name, "documents": len(source.documents), "skipped": len(source.skipped)}
    check = preflight.before_generate(config, folder, model_folder, _text_bytes(source))
    if result := settled(folder, identity, plan, force=force, dry_run=dry_run, check=check):
        return result
    for name, reason in source.skipped:
        _log.warning("%s: not read: %s", name, reason)
    facts: dict[str, Any] = {}
    with stage_folder(folder, identity, facts) as temporary:
        model = load_model(
            model_folder,
            query_prompt=config.query_prompt,
            document_prompt=config.document_prompt,
            trust_remote_code=config.trust_remote_code,
        )
        dataset, found = make_dataset(source, Encoder(model), config)
        facts.update(plan, **found)
        write_dataset(temporary, dataset, source.skipped)
    _log.info("%s: %d passages, %s", folder, facts["passages"], _summary(facts["queries"]))
    return StageResult(folder, facts, "done")


def make_dataset(source: Source, encoder: Encoder, config: GenerateConfig) -> tuple[Dataset, dict[str, Any]]:
    """Cut, split, make queries and filter them; see ``generate``."""
    budget = min(config.window_tokens, encoder.window)
    if source.ready_made:
        passages = keep_whole(source.documents)
    else:
        passages = chunk_documents(source.documents, encoder.token_ids, budget)
    if not passages:
        raise DataError(f"{source.name}: expected text, found only headings in {len(source.documents)} documents")
    same = same_passages(passages)
    groups = group_near_duplicates(source.documents)
    split = split_passages(passages, groups, same, _shares(config, source), config.seed)
    queries: dict[str, QuerySet] = {name: QuerySet(name, [], {}, "passage") for name in SPLITS}
    dropped: dict[str, int] = {}
    if config.queries_from != "source":
        queries, dropped = _generated(passages, same, split, config)
    if config.queries_from != "generate":
        queries = _with_source(queries, _labelled(source, passages, ("train", "dev")), split)
    if "test" in source.queries:
        queries["test"] = _labelled(source, passages, ("test",))["test"]
    dataset = Dataset(passages, queries)
    _demand(dataset, source)
    facts = {
        "passages": len(passages),
        "identical_passages": identical_passages(passages),
        "split_by": split.unit,
        "near_duplicate_documents": len(source.documents) - len(groups),
        "queries": {name: dict(Counter(query.kind for query in queries[name].queries)) for name in SPLITS},
        "held_out_kind": config.held_out_kind if config.queries_from != "source" and _train_kinds(config) else None,
        "dropped_queries": dropped,
        "window": _window_facts(passages, encoder, budget, config.window_overlap),
    }
    return dataset, facts


def _hash_source(source: Source) -> str:
    labelled = {
        split: [[*query, sorted(labels.qrels[query.query_id].items())] for query in labels.queries]
        for split, labels in source.queries.items()
    }
    return hash_json(
        [[list(document) for document in source.documents], [list(row) for row in source.skipped], labelled]
    )


def _text_bytes(source: Source) -> int:
    return sum(len(document.text.encode("utf-8", "replace")) for document in source.documents)


def _shares(config: GenerateConfig, source: Source) -> dict[str, float]:
    """A source that brings its own test queries needs no documents set aside for generated ones."""
    shares = config.split.model_dump()
    if "test" in source.queries:
        return {"train": shares["train"] + shares["test"], "dev": shares["dev"], "test": 0.0}
    return shares


def _train_kinds(config: GenerateConfig) -> list[str]:
    return [kind for kind in config.kinds if kind != config.held_out_kind]


def _generated(
    passages: Sequence[Passage], same: dict[str, int], split: Split, config: GenerateConfig
) -> tuple[dict[str, QuerySet], dict[str, int]]:
    """Draw and filter queries; the held-out kind goes to dev and test alone, the others to train alone."""
    texts = [passage.full_text for passage in passages]
    statistics = CorpusStatistics(texts)
    train_kinds = _train_kinds(config)
    held_out = [config.held_out_kind] if train_kinds and config.held_out_kind in config.kinds else list(config.kinds)
    drafts: list[Draft] = []
    for name in SPLITS:
        drafts += draft_queries(
            [passage for passage in passages if split.of_passage.get(passage.passage_id) == name],
            kinds=(train_kinds or held_out) if name == "train" else held_out,
            per_kind=config.per_kind if name == "train" else config.held_out_per_passage,
            statistics=statistics,
            seed=config.seed,
        )
    members: dict[int, list[str]] = {}
    for passage in passages:
        members.setdefault(same[passage.passage_id], []).append(passage.passage_id)
    column = {passage.passage_id: number for number, passage in enumerate(passages)}
    bm25 = BM25(texts)

    def ranks(asked: Sequence[Draft]) -> list[int]:
        found: list[int] = []
        with track("filter queries", len(asked)) as report:
            for start in range(0, len(asked), _BLOCK):
                block = asked[start : start + _BLOCK]
                relevant = [[column[name] for name in members[same[draft.passage_id]]] for draft in block]
                found += best_ranks(bm25.scores([draft.text for draft in block]), relevant).tolist()
                report(len(block))
        return found

    kept, dropped = filter_drafts(drafts, statistics, ranks)
    queries = {name: QuerySet(name, [], {}, "passage") for name in SPLITS}
    for draft in kept:
        query_id = content_id("q", draft.kind, draft.passage_id, draft.text)
        target = queries[split.of_passage[draft.passage_id]]
        if query_id not in target.qrels:
            target.queries.append(Query(query_id, draft.text, draft.kind))
            target.qrels[query_id] = dict.fromkeys(members[same[draft.passage_id]], 1)
    return queries, dropped


def _labelled(source: Source, passages: Sequence[Passage], splits: Sequence[str]) -> dict[str, QuerySet]:
    """Translate a source's judgements from its documents to passages; documents that were not read drop out."""
    of_document: dict[str, list[str]] = {}
    for passage in passages:
        of_document.setdefault(passage.document_id, []).append(passage.passage_id)
    translated = {}
    for name in splits:
        if name not in source.queries:
            continue
        if source.queries[name].queries:
            check_judged(f"{source.name}: qrels of {name}", source.queries[name].qrels, of_document)
        qrels: Qrels = {}
        for query_id, judged in source.queries[name].qrels.items():
            grades = {passage: grade for document, grade in judged.items() for passage in of_document.get(document, [])}
            if any(grade > 0 for grade in grades.values()):
                qrels[query_id] = grades
        kept = [query for query in source.queries[name].queries if query.query_id in qrels]
        translated[name] = share_judgements(QuerySet(name, kept, qrels, "passage"), passages)
    return translated


def _with_source(generated: dict[str, QuerySet], labelled: dict[str, QuerySet], split: Split) -> dict[str, QuerySet]:
    """Add the source's train and dev queries; without a dev split of its own, its train queries are split by document."""
    queries = {
        name: QuerySet(name, list(given.queries), dict(given.qrels), "passage") for name, given in generated.items()
    }
    if "dev" in labelled:
        queries["dev"] = labelled["dev"]
    elif labelled:
        queries["dev"] = QuerySet("dev", [], {}, "passage")
    for name, given in labelled.items():
        for query in given.queries:
            target = name if "dev" in labelled else _side(given.qrels[query.query_id], split)
            if target and query.query_id not in queries[target].qrels:
                queries[target].queries.append(query)
                queries[target].qrels[query.query_id] = given.qrels[query.query_id]
    return queries


def _side(judged: dict[str, int], split: Split) -> str | None:
    """Return the split of a labelled query: that of its relevant passages, or None where they lie on several sides."""
    sides = {split.of_passage.get(passage) for passage, grade in judged.items() if grade > 0}
    return sides.pop() if len(sides) == 1 else None


def _demand(dataset: Dataset, source: Source) -> None:
    for name in ("train", "dev"):
        if not dataset.splits[name].queries:
            raise DataError(
                f"{source.name}: expected queries for {name}, found none in {len(dataset.passages)} passages of "
                f"{len(source.documents)} documents",
                hint="add documents; a few pages of running text are the least that can be split three ways",
            )


def _window_facts(passages: Sequence[Passage], encoder: Encoder, tokens: int, overlap: float) -> dict[str, Any]:
    windows = corpus_windows(passages, encoder, tokens, overlap).texts
    corpus_tokens, truncated = _tokens_beyond([passage.full_text for passage in passages], encoder)
    window_tokens, lost = _tokens_beyond(windows, encoder)
    return {
        "tokens": tokens,
        "model_tokens": encoder.window,
        "corpus_tokens": corpus_tokens,
        "windows": len(windows),
        "share_lost_by_truncation": round(truncated / max(1, corpus_tokens), 4),
        "share_lost": round(lost / max(1, window_tokens), 4),
    }


def _tokens_beyond(texts: Sequence[str], encoder: Encoder) -> tuple[int, int]:
    """Return the tokens of all texts, and those of them that the model would not see."""
    lengths = [len(encoder.token_ids(text)) for text in texts]
    return sum(lengths), sum(max(0, length - encoder.window) for length in lengths)


def _summary(queries: dict[str, dict[str, int]]) -> str:
    return ", ".join(f"{sum(kinds.values())} {name} queries" for name, kinds in queries.items())
