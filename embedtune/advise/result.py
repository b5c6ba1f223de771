"""The advice as a file.

The advice as data: what ``--json`` prints and ``--out`` writes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from embedtune.advise.recommendation import Decision
from embedtune.errors import ResourceError
from embedtune.project.evaluation_records import Comparison
from embedtune.project.manifest import json_text, sync


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class QueryFacts(_Part):
    """The queries that judge.

    Attributes:
        origin: ``drawn`` from the text by rules, or ``given`` by the user.
        name: Of the query set.
        judges: ``passage`` or ``document``.
        n: How many judge.
        available: Of how many.
        clusters: Documents or sections that answer them.
        clustered_by: Which of the two.
    """

    origin: Literal["drawn", "given"]
    name: str
    judged_unit: str
    n: int
    available: int
    clusters: int
    clustered_by: str


class SampleFacts(_Part):
    """What was searched.

    Attributes:
        passages: Passages of the systems' sample.
        of_passages: Passages of the corpus.
        tokens: Of the sample.
        train_queries: Drawn queries from which the map was fitted.
        chunk_passages: Passages of the comparison of chunk sizes.
        chunk_queries: Queries of that.
    """

    passages: int
    of_passages: int
    tokens: int
    train_queries: int
    chunk_passages: int
    chunk_queries: int


class ChunkFacts(_Part):
    """Sizes of chunk.

    Attributes:
        reference: The cell that stands for what is done now.
        best: The size to use, in tokens.
        cells: Cell → measures, and ``vectors``: how many an index of the sample holds.
        comparisons: Every cell against the reference.
    """

    reference: str
    best: int
    cells: dict[str, dict[str, float]]
    comparisons: list[Comparison]


class Headroom(_Part):
    """What a better order could gain, nDCG@10.

    Attributes:
        system: Of which this is told: the better of base and fusion.
        now: Its score.
        perfect_order: The score if the first hundred stood in perfect order.
        gain: The difference.
        mrr: Its MRR@10.
        recall: Its recall@100: what is not among the first hundred, no order of them finds.
    """

    system: str
    now: float
    perfect_order: float
    gain: float
    mrr: float
    recall: float


class PowerFacts(_Part):
    """How many test queries it takes to show a gain, four times in five.

    Attributes:
        change: What the spread was taken from: a change such as fusion with BM25, or as a map of queries.
        detectable: Smallest gain that the queries at hand show.
        needed: Gain in points → queries in all.
    """

    change: str
    detectable: float
    needed: dict[str, int]


class RecommendationFacts(_Part):
    """See ``recommendation.Recommendation``."""

    decision: Decision
    sentence: str
    reasons: list[str]
    then: list[Decision]
    commands: list[str]
    weak: list[str]


class WindowShare(_Part):
    """Shares of tokens beyond the window, over a sample of documents.

    Attributes:
        window_tokens: Tokens that the model can take.
        documents: Documents of the source.
        measured_documents: Documents of the sample.
        median_tokens: Median length.
        share_documents_longer: Share of documents longer than the window.
        share_lost_whole: Share of tokens lost if documents are encoded whole.
        share_lost_in_chunks: Size of chunk → share of tokens lost, for sizes larger than the window.
    """

    window_tokens: int
    documents: int
    measured_documents: int
    median_tokens: int
    share_documents_longer: float
    share_lost_whole: float
    share_lost_in_chunks: dict[str, float]


class TuningCost(_Part):
    """What one way to tune would take: steps of a batch, with seconds in all and the memory of the process."""

    batch: int
    step_seconds: float
    memory_bytes: int
    steps: int
    seconds: int


class Cost(_Part):
    """What encoding and tuning would take on this machine; a way to tune is None if the sample has too few queries."""

    cores: float
    precision: str
    tokens_per_second: int
    encode_corpus_seconds: float
    query_side: TuningCost | None
    both_sides: TuningCost | None
    memory_available_bytes: int
    memory_total_bytes: int


class ScalingPoint(_Part):
    """Gain over the base with a number of train queries."""

    train_queries: int
    gain: float
    ci95: tuple[float, float]


class Scaling(_Part):
    """By how much the gain grows with every doubling of the train queries.

    Attributes:
        points: Gain by number of train queries.
        slope_per_doubling: Of the least-squares line over the binary logarithm.
        ci95: Its 95 % interval.
        standard_error: Its standard error.
        p_value: Of a randomisation test.
        distinguishable: Whether test and interval agree that it is not 0.
    """

    points: list[ScalingPoint]
    slope_per_doubling: float
    ci95: tuple[float, float]
    standard_error: float
    p_value: float
    distinguishable: bool


class Advice(_Part):
    """Everything that ``advise`` found.

    Attributes:
        schema_version: Of this document.
        source: As given.
        model: The base model.
        documents: That were read.
        skipped: Files that were not read: name and reason.
        language: Of the corpus, in English; empty where it was not recognised.
        warnings: What should be mended before anything else.
        queries: See ``QueryFacts``.
        sample: See ``SampleFacts``.
        window: What the model's window cuts off; see ``window_share``.
        chunks: See ``ChunkFacts``.
        systems: System → measures.
        comparisons: Of systems.
        headroom: See ``Headroom``.
        power: One for each kind of change.
        scaling: Whether more queries would help; None if it was not measured.
        cost: What encoding and tuning would take.
        recommendation: What to do.
        seconds: That the advice took.
    """

    schema_version: Literal[1] = 1
    source: str
    model: str
    documents: int
    skipped: list[tuple[str, str]]
    language: str
    warnings: list[str]
    queries: QueryFacts
    sample: SampleFacts
    window: WindowShare
    chunks: ChunkFacts
    systems: dict[str, dict[str, float]]
    comparisons: list[Comparison]
    headroom: Headroom
    power: list[PowerFacts]
    scaling: Scaling | None
    cost: Cost
    recommendation: RecommendationFacts
    seconds: float


def check_file(path: Path) -> None:
    """Refuse a file that could not be written, before minutes of work.

    Raises:
        ResourceError: If its folder is missing or cannot be written.
    """
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder")
    except OSError as error:
        raise _refused(path, error) from error


def write_advice(advice: Advice, path: Path) -> None:
    """Write the JSON under a temporary name, sync it and rename it.

    Raises:
        ResourceError: If the disk or a permission refuses.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_text(json_text(advice.model_dump(mode="json", by_alias=True)), encoding="utf-8")
        sync(part)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> ResourceError:
    return ResourceError(
        f"{path}: expected a file that can be written, found: {error}", hint="choose another file with --out"
    )
