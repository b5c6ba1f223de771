"""The sample of a corpus → its split, and queries with judgements that hold in the whole corpus."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from embedtune.config.settings import GenerateConfig
from embedtune.documents.near_duplicates import add_copies, group_near_duplicates
from embedtune.documents.splits import Split, split_passages
from embedtune.progress import track
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.corpus import SAME_PASSAGE, as_documents
from embedtune.retrieval.ranks import best_rank
from embedtune.synthesis.extractive import Draft, draft_queries
from embedtune.synthesis.filters import filter_drafts
from embedtune.synthesis.statistics import CorpusStatistics
from embedtune.text.hashing import content_id
from embedtune.types import SPLITS, Document, Passage, Query, QuerySet

_BLOCK = 256


class Drawing:
    """Passages from which queries are drawn.

    Attributes:
        passages: All of an ordinary corpus, a sample of a large one; in document order.
        documents: Groups of ids of documents that share text.
        split: Where each passage belongs.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        documents: Iterable[Document],
        others: Iterable[Passage],
        *,
        shares: dict[str, float],
        seed: int,
    ) -> None:
        """Group what says the same, and split.

        Args:
            passages: To draw from.
            documents: What they were cut from, as far as it is to be compared.
            others: The passages of the corpus that are not among them.
            shares: Of the passages by split.
            seed: Of the split.
        """
        self.passages = passages
        self.documents = group_near_duplicates(documents)
        groups = group_near_duplicates(as_documents(passages), containment=SAME_PASSAGE)
        groups = add_copies(groups, as_documents(passages), as_documents(others), containment=SAME_PASSAGE)
        self._members = {name: group for group in groups for name in group}
        same = {name: number for number, group in enumerate(groups) for name in group}
        self.split: Split = split_passages(passages, self.documents, same, shares, seed)

    def same_as(self, passage_id: str) -> list[str]:
        """Return the passages of the corpus that say the same as one, itself among them."""
        return self._members[passage_id]

    def of_split(self, name: str) -> list[Passage]:
        """Return the passages of a split, in document order."""
        return [passage for passage in self.passages if self.split.of_passage.get(passage.passage_id) == name]

    def queries(
        self, statistics: CorpusStatistics, config: GenerateConfig
    ) -> tuple[dict[str, QuerySet], dict[str, int]]:
        """Draw and filter queries; the held-out kind goes to dev and test alone, the others to train alone."""
        trained = train_kinds(config)
        held_out = [config.held_out_kind] if trained and config.held_out_kind in config.kinds else list(config.kinds)
        drafts: list[Draft] = []
        for name in SPLITS:
            drafts += draft_queries(
                self.of_split(name),
                kinds=(trained or held_out) if name == "train" else held_out,
                per_kind=config.per_kind if name == "train" else config.held_out_per_passage,
                statistics=statistics,
                seed=config.seed,
                question_share=config.question_share,
            )
        kept, dropped = filter_drafts(drafts, statistics, self._ranks())
        return self._labelled(kept), dropped

    def _ranks(self) -> Callable[[Sequence[Draft]], list[int]]:
        """Return a search among the passages that tells how far up the right one stands."""
        column = {passage.passage_id: number for number, passage in enumerate(self.passages)}
        bm25 = BM25([passage.full_text for passage in self.passages])

        def ranks(asked: Sequence[Draft]) -> list[int]:
            found: list[int] = []
            with track("filter queries", len(asked)) as on_progress:
                for start in range(0, len(asked), _BLOCK):
                    block = asked[start : start + _BLOCK]
                    relevant = (
                        [column[name] for name in self._members[draft.passage_id] if name in column] for draft in block
                    )
                    found += map(best_rank, bm25.rows(draft.text for draft in block), relevant)
                    on_progress(len(block))
            return found

        return ranks

    def _labelled(self, drafts: Sequence[Draft]) -> dict[str, QuerySet]:
        queries = {name: QuerySet(name, [], {}, "passage") for name in SPLITS}
        for draft in drafts:
            query_id = content_id("q", draft.kind, draft.passage_id, draft.text)
            target = queries[self.split.of_passage[draft.passage_id]]
            if query_id not in target.qrels:
                target.queries.append(Query(query_id, draft.text, draft.kind))
                target.qrels[query_id] = dict.fromkeys(self._members[draft.passage_id], 1)
        return queries


def train_kinds(config: GenerateConfig) -> list[str]:
    """Return the kinds of queries that training sees."""
    return [kind for kind in config.kinds if kind != config.held_out_kind]


def joined_by_document(passages: Iterable[Passage]) -> Iterable[Document]:
    """Return what a sample holds of each document, to compare documents by."""
    texts: dict[str, list[str]] = {}
    for passage in passages:
        texts.setdefault(passage.document_id, []).append(passage.text)
    return (Document(name, "", "\n\n".join(parts)) for name, parts in texts.items())
