"""The search of this package: by meaning, by words, by both, and the best of both reranked by their tokens.

Evaluation, serving, training, advice and the filter of LLM-generated queries all search with ``Searcher``, so what one of them
finds the others find.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from embedtune.errors import ConfigError
from embedtune.formats.run_files import ranked
from embedtune.models.encoder import Encoder
from embedtune.progress import track
from embedtune.retrieval.approximate_index import ApproximateIndex
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.fusion import DEFAULT_WEIGHT, Parts, PassageScores
from embedtune.retrieval.late_interaction import DEPTH, Candidates, blend, encoded_tokens, match, shift
from embedtune.retrieval.windows import Windows, best_of_groups, corpus_windows
from embedtune.systems import Kind, find_kind
from embedtune.types import Matrix, Passage, Query, Run, Vectors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BLOCK = 256
"""Queries whose scores of all passages are in memory at once."""

_ANSWERED = 64  # the same where an application waits
_LEAST_DEPTH = 100

LeftOut = Mapping[str, Collection[str]]
"""Query id → units that are left out of its ranking: the query itself, where it is one (``judgements.own_units``)."""

Match = Callable[[Sequence[str], Sequence[Sequence[int]]], list[dict[int, float]]]
"""Queries, and numbers of passages for each → how well the tokens of each passage match; see ``late_interaction.match``."""


@dataclass(frozen=True)
class Units:
    """What a run names: every passage, or every document with its passages."""

    ids: list[str]  # passage or document ids, in corpus order
    first_passage: NDArray[np.int64]  # index of each unit's first passage, (n_units,)
    largest: int = 1  # passages of the largest unit

    @cached_property
    def column(self) -> dict[str, int]:
        """Id → index."""
        return {name: number for number, name in enumerate(self.ids)}

    def without(self, query_ids: Sequence[str], scores: Matrix, left_out: LeftOut) -> Matrix:
        """Return scores of all passages, ``(n_queries, n_passages)``, with -inf for those of the units to leave out."""
        cells = [(row, self.column[unit]) for row, query in enumerate(query_ids) for unit in left_out.get(query, ())]
        if not cells:
            return scores
        masked = scores.copy()
        ends = [*self.first_passage.tolist()[1:], scores.shape[1]]
        for row, unit in cells:
            masked[row, self.first_passage[unit] : ends[unit]] = -np.inf
        return masked


def units_of(passages: Sequence[Passage], judged_unit: str) -> Units:
    """Return passages (``"passage"``) or documents (``"document"``) as units; a document scores as its best passage."""
    if judged_unit == "passage":
        return Units([passage.passage_id for passage in passages], np.arange(len(passages)))
    groups = [
        (document_id, next(members)[0])
        for document_id, members in groupby(enumerate(passages), key=lambda item: item[1].document_id)
    ]
    first = np.array([number for _, number in groups], dtype=np.int64)
    return Units([name for name, _ in groups], first, int(np.diff(first, append=len(passages)).max(initial=1)))


def passages_by_unit(passages: Iterable[Passage], judged_unit: str) -> dict[str, list[Passage]]:
    """Return passage or document id → its passages."""
    members: dict[str, list[Passage]] = {}
    for passage in passages:
        members.setdefault(passage.passage_id if judged_unit == "passage" else passage.document_id, []).append(passage)
    return members


class DenseSource(Protocol):
    """Where the dense scores come from: vectors in memory, or a vector store."""

    def scores(self, queries: Vectors, k: int | None) -> Matrix:
        """Return the cosine of every passage with unit vectors of queries, ``(n_queries, n_passages)``.

        Of each query ``k`` passages are needed; others may be -inf. None needs all.
        """
        ...


@dataclass(eq=False, repr=False)
class PassageVectors:
    """The vectors of all windows in memory; a passage scores as its best window.

    The nearest passages come from a FAISS index. It is exact (``IndexFlatIP``), so that no difference between two models can
    come from an approximate index. The scores of all passages, which fusion needs, are one product of matrices.
    """

    vectors: Vectors  # (n_windows, dim)
    windows: Windows  # which of them belong to which passage
    approximate: ApproximateIndex | None = None  # what is searched in place of all vectors

    def scores(self, queries: Vectors, k: int | None = None) -> Matrix:
        """See ``DenseSource``."""
        # The best k passages are all among the best k × (windows of the longest passage) windows.
        depth = len(self.vectors) if k is None else k * self._most_windows
        if depth >= len(self.vectors) and self.approximate is None:
            return self.windows.best(queries @ self.vectors.T)
        cosines, columns = self._index.search(np.ascontiguousarray(queries), min(depth, len(self.vectors)))
        scores = np.full((len(queries), len(self.vectors) + 1), -np.inf, dtype=np.float32)
        np.put_along_axis(scores, columns, cosines, axis=1)  # column -1, of what an index did not find, is the last
        return self.windows.best(scores[:, :-1])

    def nearest_window(self, passage: int, query: Vectors) -> str:
        """Return the text of that window of a passage, by its number, which is nearest to a query, ``(dim,)``."""
        texts, first = self.windows.of_passage(passage), self.windows.starts[passage]
        return texts[int(np.argmax(self.vectors[first : first + len(texts)] @ query))]

    @cached_property
    def _index(self) -> Any:
        if self.approximate is not None:
            return self.approximate
        import faiss

        index = faiss.IndexFlatIP(self.vectors.shape[1])
        index.add(np.ascontiguousarray(self.vectors))
        return index

    @cached_property
    def _most_windows(self) -> int:
        return int(np.diff(self.windows.starts, append=len(self.vectors)).max())


class Found(NamedTuple):
    """A passage of an answer: its id, its score, and its ranks in what was fused."""

    passage_id: str
    score: float
    parts: Parts


@dataclass(eq=False, repr=False, kw_only=True)
class Searcher:
    """Searches one corpus with one model by every kind of system; a kind needs only those of the parts that it uses."""

    units: Units = field(kw_only=False)  # what its runs name
    lexical: BM25 | None = None  # of the passages' full texts
    dense: DenseSource | None = None  # of the same passages
    weight: float = DEFAULT_WEIGHT  # of the dense side in fusion, in [0, 1]
    match: Match | None = None  # compares tokens
    n_reranked: int = DEPTH  # passages of each query that are reranked
    list_depth: int | None = None  # passages of either side that are fused, where dense does not score every passage
    left_out: LeftOut = field(default_factory=dict)  # of the runs

    def scores(self, texts: Sequence[str], vectors: Vectors | None, k: int | None = None) -> PassageScores:
        """Return the scores of all passages for a few queries; each side is computed when it is first used.

        ``texts`` may be empty where only vectors ``(n_queries, dim)`` are searched, which are None where only words are. ``k``
        nearest passages are needed; None needs all, or of a vector store as many as fusion takes.
        """

        def dense() -> Matrix:
            assert self.dense is not None and vectors is not None
            return self.dense.scores(vectors, k or self.list_depth)

        def lexical() -> Matrix:
            assert self.lexical is not None
            return self.lexical.scores(texts)

        return PassageScores(dense, lexical, self.weight, self.list_depth)

    def blocks(
        self, texts: Sequence[str], vectors: Vectors | None, k: int | None = None
    ) -> Iterator[tuple[slice, PassageScores]]:
        """Yield the scores of many queries, as many at a time as memory should hold; see ``scores``."""
        for start in range(0, len(texts) if vectors is None else len(vectors), BLOCK):
            block = slice(start, start + BLOCK)
            yield block, self.scores(texts[block], None if vectors is None else vectors[block], k)

    def runs(
        self,
        ids: Sequence[str],
        texts: Sequence[str],
        vectors: Vectors | None,
        kinds: Sequence[Kind],
        depth: int,
        *,
        matches: list[dict[int, float]] | None = None,
    ) -> dict[str, Run]:
        """Search by several kinds of systems at once, and return name of the kind → run, of ``depth`` units for each query.

        ``vectors`` are None where only words are searched. ``matches`` are those of each query that are known,
        and get what is missing.
        """
        nearest = [kind for kind in kinds if kind.name == "dense"]
        fused = [kind for kind in kinds if kind.name != "dense"]
        runs = self._runs(ids, texts, self.blocks(texts, vectors, depth * self.units.largest), nearest, depth)
        runs |= self._runs(ids, texts, self.blocks(texts, vectors), fused, depth, matches)
        return {kind.name: runs[kind.name] for kind in kinds}

    def answers(self, texts: Sequence[str], vectors: Vectors | None, kind: Kind, k: int) -> list[list[Found]]:
        """Return the best k passages of each query, best first; units must be passages."""
        # Of equal scores at the end of a list chance decides, so its end must not be seen.
        depth = max(_LEAST_DEPTH, 2 * k)
        found: list[list[Found]] = []
        for start in range(0, len(texts), _ANSWERED):
            block = slice(start, start + _ANSWERED)
            batch = texts[block]
            deep = depth if kind.name == "dense" else None
            scores = self.scores(batch, None if vectors is None else vectors[block], deep)
            ids = [str(number) for number in range(len(batch))]
            run = self._runs(ids, batch, [(slice(None), scores)], [kind], depth)[kind.name]
            found += [
                [Found(name, score, scores.parts(row, self.units.column[name])) for name, score in ranked(units)[:k]]
                for row, units in enumerate(run.values())
            ]
        return found

    def _runs(
        self,
        ids: Sequence[str],
        texts: Sequence[str],
        blocks: Iterable[tuple[slice, PassageScores]],
        kinds: Sequence[Kind],
        depth: int,
        matches: list[dict[int, float]] | None = None,
    ) -> dict[str, Run]:
        runs: dict[str, Run] = {kind.name: {} for kind in kinds}
        best: dict[str, list[Candidates]] = {kind.name: [] for kind in kinds if kind.reranked}
        for block, scores in blocks:
            for kind in kinds:
                found = self.units.without(ids[block], kind.scores(scores), self.left_out)
                runs[kind.name] |= top_run(ids[block], found, self.units, depth, kind.floor)
                if kind.reranked:
                    best[kind.name] += [best_of(row, self.n_reranked) for row in found]
        for name, candidates in best.items():
            runs[name] = self._reranked(runs[name], candidates, texts, matches or [{} for _ in texts])
        return runs

    def _reranked(
        self, run: Run, best: Sequence[Candidates], texts: Sequence[str], matches: list[dict[int, float]]
    ) -> Run:
        """Match the tokens of the candidates where that is not known yet, and reorder."""
        assert self.match is not None
        missing = [
            [passage for passage in found.passages if passage not in known]
            for found, known in zip(best, matches, strict=True)
        ]
        for known, more in zip(matches, self.match(texts, missing), strict=True):
            known.update(more)
        return reranked_run(run, best, matches, self.units, self.weight)


class HybridSearcher(Searcher):
    """Searches passages in memory with a model and BM25.

    ``HybridSearcher(["first text", "second text"], SentenceTransformer("…")).search(["a query"], k=1)``

    Attributes:
        passages: As they are searched.
        encoder: The model.
    """

    def __init__(
        self,
        passages: Sequence[str | Passage],
        encoder: Encoder | SentenceTransformer,
        *,
        weight: float = DEFAULT_WEIGHT,
        window_tokens: int | None = None,
        window_overlap: float = 0.25,
    ) -> None:
        """Encode the passages, and count their terms.

        Args:
            passages: Texts, whose ids are their numbers as strings, or passages.
            encoder: A model.
            weight: Of the dense side in fusion, in [0, 1]; ``train`` chooses it on dev queries.
            window_tokens: Longer passages are cut into windows of so many tokens; None takes the model's own window.
            window_overlap: Share of a window that the next one repeats, in [0, 1).

        Raises:
            ConfigError: If there are no passages, or a number is out of its range.
        """
        if not passages:
            raise ConfigError("passages: expected one or more, found none")
        if not 0 <= weight <= 1:
            raise ConfigError(f"weight: expected a number from 0 to 1, found {weight}")
        if not 0 <= window_overlap < 1:
            raise ConfigError(f"window_overlap: expected a number from 0 to below 1, found {window_overlap}")
        self.passages = [
            Passage(str(number), str(number), "", each, 0, len(each)) if isinstance(each, str) else each
            for number, each in enumerate(passages)
        ]
        self.encoder = encoder if hasattr(encoder, "token_offsets") else Encoder(encoder)
        windows = corpus_windows(self.passages, self.encoder, window_tokens or self.encoder.window, window_overlap)
        with track("encode passages", len(set(windows.texts))) as on_progress:
            vectors = self.encoder.encode_documents(windows.texts, on_progress)
        super().__init__(
            units_of(self.passages, "passage"),
            lexical=BM25([passage.full_text for passage in self.passages]),
            dense=PassageVectors(vectors, windows),
            weight=weight,
            match=partial(match, self.encoder, tokens_of=encoded_tokens(self.encoder, windows.of_passage)),
        )

    def search(self, queries: Sequence[str | Query], k: int = 10, *, kind: str = "hybrid") -> Run:
        """Return the best k passages of each query.

        Args:
            queries: Texts, whose ids are their numbers as strings, or queries.
            k: Passages of each query, 1 or more; BM25 alone may find fewer.
            kind: ``hybrid`` (weighted sum of z-scores), ``rrf``, ``rerank`` (late interaction), ``dense`` or ``bm25``.

        Returns:
            Query id → passage id → score, best first.

        Raises:
            ConfigError: If ``k`` or ``kind`` cannot be.
        """
        if k < 1:
            raise ConfigError(f"k: expected 1 or more, found {k}")
        given = [
            (str(number), each) if isinstance(each, str) else (each.query_id, each.text)
            for number, each in enumerate(queries)
        ]
        texts = [text for _, text in given]
        vectors = None if kind == "bm25" else self.encoder.encode_queries(texts)
        found = self.answers(texts, vectors, find_kind(kind), k)
        return {
            name: {each.passage_id: each.score for each in row} for (name, _), row in zip(given, found, strict=True)
        }


def dense_run(
    query_ids: Sequence[str],
    queries: Matrix,
    vectors: Matrix,
    *,
    windows: Windows,
    units: Units,
    depth: int,
    left_out: LeftOut | None = None,
) -> Run:
    """Search window vectors; a unit scores as its best window."""
    searcher = Searcher(units, dense=PassageVectors(vectors, windows), left_out=left_out or {})
    return searcher.runs(query_ids, (), queries, [find_kind("dense")], depth)["dense"]


def top_run(query_ids: Sequence[str], scores: Matrix, units: Units, depth: int, floor: float = -np.inf) -> Run:
    """Return the best units of each row of scores of all passages, ``(n_queries, n_passages)``, those above ``floor`` only."""
    by_unit = best_of_groups(scores, units.first_passage)
    depth = min(depth, by_unit.shape[1])
    best = np.argpartition(-by_unit, depth - 1, axis=1)[:, :depth]
    return {
        query_id: {units.ids[unit]: float(row[unit]) for unit in columns if row[unit] > floor}
        for query_id, row, columns in zip(query_ids, by_unit, best.tolist(), strict=True)
    }


def best_of(scores: Matrix, n: int) -> Candidates:
    """Return the best n passages of one row of scores, ``(n_passages,)``."""
    n = min(n, len(scores))
    best = np.argpartition(-scores, n - 1)[:n]
    best = best[np.argsort(-scores[best], kind="stable")]
    best = best[scores[best] > -np.inf]
    return Candidates(best.tolist(), scores[best])


def reranked_run(
    run: Run, best: Sequence[Candidates], matches: Sequence[dict[int, float]], units: Units, weight: float
) -> Run:
    """Return a run whose best passages are in a new order; the others follow in the old one.

    For each query of the run, ``best`` has the passages to reorder, the best of those that it comes from, and ``matches`` how
    well each of them matches. A document scores as its best passage. ``weight`` is that of ``late_interaction.blend``.
    """
    reranked: Run = {}
    for (query_id, scored), found, matched in zip(run.items(), best, matches, strict=True):
        if not found.passages:
            reranked[query_id] = scored
            continue
        new = blend(found.scores, np.array([matched[passage] for passage in found.passages], dtype=np.float32), weight)
        numbers = np.searchsorted(units.first_passage, found.passages, side="right") - 1
        row: dict[str, float] = {}
        for number, score in zip(numbers.tolist(), new.tolist(), strict=True):
            row[units.ids[number]] = max(score, row.get(units.ids[number], -np.inf))
        moved = shift(found.scores, new)
        reranked[query_id] = {unit: score + moved for unit, score in scored.items()} | row
    return reranked
