"""Extractive queries of a split corpus with their judgements, and the queries that came with its source."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from embedtune.config.settings import GenerateConfig
from embedtune.documents.labelled import judge_passages, judged_passages
from embedtune.documents.near_duplicates import group_near_duplicates, group_same_passages
from embedtune.documents.splits import (
    ENOUGH_JUDGED,
    SHARES,
    Split,
    draw_for_dev,
    shares_for,
    split_passages,
)
from embedtune.errors import ConfigError
from embedtune.formats.judgements import check_judged, share_judgements
from embedtune.progress import track
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.ranks import best_rank
from embedtune.synthesis.extractive import KINDS, Draft, draft_queries
from embedtune.synthesis.filters import filter_drafts
from embedtune.synthesis.statistics import CorpusStatistics
from embedtune.text.hashing import content_id, fingerprint
from embedtune.types import SPLITS, Document, Passage, Query, QuerySet, Source

_BLOCK = 256  # queries that are searched for at once


@dataclass(frozen=True)
class PassagePool:
    """The passages that queries are generated from."""

    passages: Sequence[Passage]  # all of an ordinary corpus, a sample of a large one; in document order
    document_groups: list[list[str]]  # groups of ids of documents that share text
    copies: Mapping[str, list[str]]  # passage id → ids of its near-duplicates in the whole corpus, itself included
    split: Split  # the split of each passage

    def of_split(self, name: str) -> list[Passage]:
        """Return the passages of a split, in document order."""
        return [passage for passage in self.passages if self.split.of_passage.get(passage.passage_id) == name]


def build_pool(
    passages: Sequence[Passage],
    documents: Iterable[Document],
    others: Iterable[Passage],
    *,
    shares: Mapping[str, float] | None = None,
    seed: int,
) -> PassagePool:
    """Group near-duplicates among passages in document order, their documents, and the corpus's other passages; split.

    Without ``shares`` they follow from the number of documents; see ``shares_for``.
    """
    document_groups = group_near_duplicates(documents)
    if shares is None:
        shares = shares_for(len(document_groups))
    groups = group_same_passages(passages, others)
    copies = {passage_id: group for group in groups for passage_id in group}
    same = {passage_id: number for number, group in enumerate(groups) for passage_id in group}
    return PassagePool(passages, document_groups, copies, split_passages(passages, document_groups, same, shares, seed))


def shares_of(source: Source, config: GenerateConfig) -> dict[str, float] | None:
    """Return the shares of the splits of a source's passages; None where they follow from the number of documents."""
    shares: dict[str, float] = config.split.model_dump()
    if "test" in source.queries:  # synthetic ones need no documents
        shares = {"train": shares["train"] + shares["test"], "dev": shares["dev"], "test": 0.0}
    if config.queries_from == "source" and "dev" not in source.queries:  # the other half is drawn
        shares |= {"train": shares["train"] + shares["dev"] / 2, "dev": shares["dev"] / 2}
    return None if shares == SHARES and "split" not in config.model_fields_set else shares


def sample_queries(
    pool: PassagePool, statistics: CorpusStatistics, config: GenerateConfig
) -> tuple[dict[str, QuerySet], dict[str, int]]:
    """Generate queries of each split, the held-out kind for dev and test only; return them, and how many a filter dropped."""
    in_train = train_kinds(config)
    held_out = [config.held_out_kind] if in_train and config.held_out_kind in config.kinds else list(config.kinds)
    drafts: list[Draft] = []
    for name in SPLITS:
        drafts += draft_queries(
            pool.of_split(name),
            kinds=(in_train or held_out) if name == "train" else held_out,
            per_kind=config.per_kind if name == "train" else config.held_out_per_passage,
            statistics=statistics,
            seed=config.seed,
            question_share=config.question_share,
        )
    kept, dropped = filter_drafts(drafts, statistics, lambda drafts: _source_ranks(drafts, pool.passages, pool.copies))
    queries = {name: QuerySet(name, [], {}, "passage") for name in SPLITS}
    for draft in kept:
        _add_query(queries[pool.split.of_passage[draft.passage_id]], draft, pool.copies)
    return queries, dropped


def synthesize_queries(
    passages: Iterable[Passage] | Mapping[str, str],
    *,
    kinds: Sequence[str] = KINDS,
    per_kind: int = 2,
    question_share: float = 0.0,
    seed: int = 0,
) -> QuerySet:
    """Generate extractive queries from passages, without a language model, and filter them.

    Kinds are ``heading`` (the title above a passage), ``span`` (salient words in a row), ``keyphrase`` (terms that set the
    passage apart) and ``sentence``. A query is dropped if it is no language, repeats another, fits anywhere, or if BM25
    does not find its passage among the first twenty (see ``filters.filter_drafts``).

    Args:
        passages: Passages, or passage id → text; at least a few pages, because terms are weighted by how rare they are.
        kinds: Some of the four.
        per_kind: Queries of one kind for each 150 words of a passage at most; a heading gives one.
        question_share: Share of all but the sentences, 0 to 1, that become questions.
        seed: Another seed gives other queries.

    Returns:
        Queries, each tagged with its kind, and qrels: the passage each came from and its near-copies, with grade 1.

    Raises:
        ConfigError: If a kind is none of the four, or ``per_kind`` is below 1.

    Examples:
        >>> text = "The pressure valve of boiler {} opens at {} bar. Brass fittings tolerate only {} degrees."
        >>> queries = synthesize_queries({f"p{n}": text.format(n, n * 3, n * 40) for n in range(3)}, kinds=["span"], per_kind=1)
        >>> queries.queries[0].kind, queries.qrels[queries.queries[0].query_id]
        ('span', {'p0': 1})
    """
    if unknown := set(kinds) - set(KINDS):
        raise ConfigError(f"kinds: expected some of {', '.join(KINDS)}, found {', '.join(sorted(unknown))}")
    if per_kind < 1:
        raise ConfigError(f"per_kind: expected 1 or more, found {per_kind}")
    if isinstance(passages, Mapping):
        passages = [Passage(name, name, "", text, 0, len(text)) for name, text in passages.items()]
    passages = list(passages)
    statistics = CorpusStatistics(passage.full_text for passage in passages)
    copies = {passage_id: group for group in group_same_passages(passages) for passage_id in group}
    drafts = draft_queries(
        passages, kinds=kinds, per_kind=per_kind, statistics=statistics, seed=seed, question_share=question_share
    )
    kept, _ = filter_drafts(drafts, statistics, lambda drafts: _source_ranks(drafts, passages, copies))
    queries = QuerySet("synthetic", [], {}, "passage")
    for draft in kept:
        _add_query(queries, draft, copies)
    return queries


def train_kinds(config: GenerateConfig) -> list[str]:
    """Return the kinds of training queries."""
    return [kind for kind in config.kinds if kind != config.held_out_kind]


def held_out_kind(config: GenerateConfig) -> str | None:
    """Return the kind of synthetic queries that only dev and test have; None if there is none."""
    if config.queries_from == "source":
        return None
    if config.generator == "llm":
        return None if config.llm.adapter else config.llm.held_out_kind  # a tuned writer's queries are of one kind
    return config.held_out_kind if train_kinds(config) else None


def _source_ranks(drafts: Sequence[Draft], passages: Sequence[Passage], copies: Mapping[str, list[str]]) -> list[int]:
    """Return the rank, from 1, of each draft's passage, or of a copy of it, in a BM25 search among the passages."""
    column = {passage.passage_id: number for number, passage in enumerate(passages)}
    bm25 = BM25([passage.full_text for passage in passages])
    ranks: list[int] = []
    with track("filter queries", len(drafts)) as on_progress:
        for start in range(0, len(drafts), _BLOCK):
            block = drafts[start : start + _BLOCK]
            relevant = ([column[name] for name in copies[draft.passage_id] if name in column] for draft in block)
            ranks += map(best_rank, bm25.rows(draft.text for draft in block), relevant)
            on_progress(len(block))
    return ranks


def _add_query(queries: QuerySet, draft: Draft, copies: Mapping[str, list[str]]) -> None:
    query_id = content_id("q", draft.kind, draft.passage_id, draft.text)
    if query_id not in queries.qrels:
        queries.queries.append(Query(query_id, draft.text, draft.kind))
        queries.qrels[query_id] = dict.fromkeys(copies[draft.passage_id], 1)


def judged_documents(source: Source, splits: Sequence[str]) -> set[str]:
    """Return the ids of all documents that are judged in these splits of a source, whole or in part."""
    labelled = (source.queries[name] for name in splits if name in source.queries)
    judged = {name for queries in labelled for grades in queries.qrels.values() for name in grades}
    return judged | {place.document_id for name in judged for place in source.places.get(name, ())}


def with_labelled(
    queries: dict[str, QuerySet],
    source: Source,
    split: Split,
    splits: Sequence[str],
    *,
    passages: Sequence[Passage] | None,
    stream: Callable[[], Iterable[Passage]],
    example: str,
    seed: int,
) -> dict[str, QuerySet]:
    """Add a source's labelled queries to synthetic ones; its test queries replace the synthetic test queries.

    Args:
        queries: By split.
        source: The source; judgements of documents that were not read are dropped.
        split: The split of each passage. Without a dev split of the source, it divides its train queries.
        splits: Which of the source's splits to take.
        passages: The corpus; None where it does not fit into memory.
        stream: Iterates the corpus from the start.
        example: Id of a document, for the ``DataError`` if no judgement names a document of the corpus.
        seed: Draws the train queries that are for dev whatever answers them.
    """
    if not any(name in source.queries for name in splits):
        return queries
    if passages is None:  # those of judged documents and those identical to one of them, in two passes
        judged = judged_documents(source, splits)
        texts = {fingerprint(passage.full_text) for passage in stream() if passage.document_id in judged}
        passages = [
            passage
            for passage in stream()
            if {passage.document_id, passage.passage_id} & judged or fingerprint(passage.full_text) in texts
        ]
    labelled = _translate(source, passages, splits, example)
    test = labelled.pop("test", None)
    queries = _add_labelled(queries, labelled, split, seed)
    return queries if test is None else {**queries, "test": test}


def _translate(source: Source, passages: Sequence[Passage], splits: Sequence[str], example: str) -> dict[str, QuerySet]:
    """Translate a source's judgements from documents to passages; the judged ones and their copies suffice."""
    members = judged_passages(passages, source.places)
    translated = {}
    for name in splits:
        if name not in source.queries:
            continue
        if source.queries[name].queries:
            where, file = f"{source.name}: qrels of {name}", Path(source.name) / "qrels" / f"{name}.tsv"
            check_judged(where, source.queries[name].qrels, [*members, example], file)
        translated[name] = share_judgements(judge_passages(source.queries[name], members), passages)
    return translated


def _add_labelled(
    generated: dict[str, QuerySet], labelled: dict[str, QuerySet], split: Split, seed: int
) -> dict[str, QuerySet]:
    """Add the source's train and dev queries; without a dev split of its own, its train queries are dealt.

    A query goes to the split of its best answer, and to train where that is in none. Of two queries or more one is for dev.
    As many again as dev has are drawn for it; see ``draw_for_dev``. Where dev has too few judged queries to decide by, the
    synthetic ones stay beside them.
    """
    queries = {
        name: QuerySet(name, list(query_set.queries), dict(query_set.qrels), "passage")
        for name, query_set in generated.items()
    }
    if "dev" in labelled:
        queries["dev"] = labelled["dev"]
    elif labelled:
        queries["dev"] = QuerySet("dev", [], {}, "passage")
    for name, query_set in labelled.items():
        for query in query_set.queries:
            judged = query_set.qrels[query.query_id]
            best = max(judged, key=lambda passage: judged[passage])
            target = name if "dev" in labelled else split.of_passage.get(best, "train")
            if query.query_id not in queries[target].qrels:
                queries[target].queries.append(query)
                queries[target].qrels[query.query_id] = judged
    if "dev" not in labelled:
        queries = _with_both(queries)
        train, dev = draw_for_dev(queries["train"], queries["dev"], seed)
        queries = {**queries, "train": train, "dev": dev}
    if len(queries["dev"].queries) < ENOUGH_JUDGED:
        queries["dev"] = _joined(queries["dev"], generated["dev"])
    return queries


def _joined(judged: QuerySet, synthetic: QuerySet) -> QuerySet:
    queries = [query for query in synthetic.queries if query.query_id not in judged.qrels]
    return replace(judged, queries=[*judged.queries, *queries], qrels={**synthetic.qrels, **judged.qrels})


def _with_both(queries: dict[str, QuerySet]) -> dict[str, QuerySet]:
    """Give a tenth of the queries, at least one, to whichever of train and dev has none."""
    for empty, full in (("dev", "train"), ("train", "dev")):
        pool = queries[full].queries
        if not queries[empty].queries and len(pool) > 1:
            moved = pool[-max(1, len(pool) // 10) :]
            queries = {
                **queries,
                full: queries[full].subset(pool[: -len(moved)]),
                empty: replace(queries[full].subset(moved), name=empty),
            }
    return queries
