"""An exported model against its checkpoint: the same queries over the same passages, each by its own engine."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from embedtune.evaluation.measures import per_query
from embedtune.export.engines import Engine
from embedtune.formats.judgements import own_units
from embedtune.models.encoder import Encoder
from embedtune.retrieval.searcher import dense_run, units_of
from embedtune.retrieval.windows import Windows, corpus_windows
from embedtune.types import Passage, QuerySet, Run, Vectors

MEASURE = "ndcg@10"
POINTS = 100
"""Points of a measure that goes from 0 to 1."""

MAX_LOSS = 0.2
"""Points of nDCG@10 that a form of a model may lose."""

PASSAGES = 2000
_DEPTH = 10


class Sample(NamedTuple):
    """What is asked, and of which passages: all that are judged, and others drawn at random."""

    query_sets: list[QuerySet]
    passages: list[Passage]
    windows: Windows


class Found(NamedTuple):
    """What an engine gave: vectors ``(n, dim)``, and the ten best units of each query of each set."""

    queries: Vectors
    documents: Vectors
    runs: list[Run]
    seconds: float


class Parity(NamedTuple):
    """A row of the table.

    Attributes:
        format: Name of the form.
        engine: What ran it.
        dimension: Components of a vector.
        bytes: Of all its files.
        passages_per_second: Passages that the engine encoded in a second, one process on all cores.
        cosine: Mean cosine with the checkpoint's vectors; None where they have another dimension.
        least_cosine: The smallest.
        top_ten: Mean share of the checkpoint's ten best that are among its own.
        same_top_ten: Share of the queries with the same ten.
        ndcg: nDCG@10, mean over all queries.
        ndcg_loss: Points that it is below the checkpoint's; negative where it is above.
        passed: Whether that is no more than was allowed.
    """

    format: str
    engine: str
    dimension: int
    bytes: int
    passages_per_second: float
    cosine: float | None
    least_cosine: float | None
    top_ten: float
    same_top_ten: float
    ndcg: float
    ndcg_loss: float
    passed: bool


def draw_sample(
    query_sets: Sequence[QuerySet],
    passages: Sequence[Passage],
    encoder: Encoder,
    *,
    window_tokens: int,
    window_overlap: float,
    n_passages: int = PASSAGES,
) -> Sample:
    """Draw passages, with every passage or document that a query judges, and cut them into windows as ``eval`` does."""
    judged = {name for queries in query_sets for grades in queries.qrels.values() for name in grades}
    named = [passage.passage_id in judged or passage.document_id in judged for passage in passages]
    others = [number for number, is_judged in enumerate(named) if not is_judged]
    random.Random(0).shuffle(others)  # noqa: S311 (no secret)
    kept = set(others[: max(0, n_passages - sum(named))])
    drawn = [passage for number, passage in enumerate(passages) if named[number] or number in kept]
    return Sample(list(query_sets), drawn, corpus_windows(drawn, encoder, window_tokens, window_overlap))


def ask(engine: Engine, sample: Sample) -> Found:
    """Encode a sample with an engine, and search it exactly."""
    texts = [query.text for queries in sample.query_sets for query in queries.queries]
    engine.encode_documents(sample.windows.texts[:1])  # what is loaded late is no part of the time
    started = time.perf_counter()
    documents = engine.encode_documents(sample.windows.texts)
    seconds = time.perf_counter() - started
    vectors = engine.encode_queries(texts)
    runs, first = [], 0
    for queries in sample.query_sets:
        ids = [query.query_id for query in queries.queries]
        units = units_of(sample.passages, queries.judged_unit)
        left_out = own_units(queries, sample.passages)
        rows = vectors[first : first + len(ids)]
        runs.append(
            dense_run(ids, rows, documents, windows=sample.windows, units=units, depth=_DEPTH, left_out=left_out)
        )
        first += len(ids)
    return Found(vectors, documents, runs, seconds)


def compare(
    name: str, engine: str, folder: Path, sample: Sample, wanted: Found, found: Found, max_loss: float
) -> Parity:
    """Hold what an engine gave against what the checkpoint gave."""
    cosines = None
    if wanted.queries.shape == found.queries.shape:
        pairs = ((wanted.queries, found.queries), (wanted.documents, found.documents))
        cosines = np.concatenate([(left * right).sum(axis=1) for left, right in pairs])
    shared = _shared(wanted.runs, found.runs)
    ndcg = mean_ndcg(sample, found)
    loss = POINTS * (mean_ndcg(sample, wanted) - ndcg)
    return Parity(
        format=name,
        engine=engine,
        dimension=found.documents.shape[1],
        bytes=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        passages_per_second=len(sample.windows.texts) / found.seconds,
        cosine=None if cosines is None else float(cosines.mean()),
        least_cosine=None if cosines is None else float(cosines.min()),
        top_ten=float(np.mean(shared)),
        same_top_ten=float(np.mean([share == 1 for share in shared])),
        ndcg=ndcg,
        ndcg_loss=loss,
        passed=loss <= max_loss,
    )


def mean_ndcg(sample: Sample, found: Found) -> float:
    """Return nDCG@10, the mean over the queries of all sets."""
    values = [
        value
        for queries, run in zip(sample.query_sets, found.runs, strict=True)
        for value in per_query(queries.qrels, run, [MEASURE])[MEASURE].values()
    ]
    return float(np.mean(values))


def _shared(wanted: Sequence[Run], found: Sequence[Run]) -> list[float]:
    """Return of each query the share of its ten best that are also in the other's."""
    return [
        len(units.keys() & other[name].keys()) / len(units)
        for run, other in zip(wanted, found, strict=True)
        for name, units in run.items()
    ]


def as_rows(parities: Sequence[Parity]) -> list[tuple[str, ...]]:
    """Return a table for people."""
    head = ("format", "dims", "MB", "passages/s", "cosine", "least", "top ten", "same ten", "nDCG@10", "lost")
    return [head, *(_row(each) for each in parities)]


def _row(parity: Parity) -> tuple[str, ...]:
    cosine, least = ("" if value is None else f"{value:.5f}" for value in (parity.cosine, parity.least_cosine))
    return (
        parity.format + ("" if parity.passed else " refused"),
        f"{parity.dimension}",
        f"{parity.bytes / 1e6:.1f}",
        f"{parity.passages_per_second:.1f}",
        cosine,
        least,
        f"{parity.top_ten:.3f}",
        f"{parity.same_top_ten:.3f}",
        f"{parity.ndcg:.4f}",
        f"{parity.ndcg_loss:+.2f}",
    )


def as_json(parities: Sequence[Parity]) -> Mapping[str, object]:
    """Return the rows by format."""
    return {parity.format: parity._asdict() for parity in parities}
