"""The advice as data: what ``--json`` prints and ``--out`` writes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from embedtune.errors import ResourceError
from embedtune.project.evaluation_records import Comparison
from embedtune.project.manifest import sync, write_json

Decision = Literal["fix_chunking", "use_fusion", "tune_query_side", "tune_fully", "leave"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class QueryFacts(_Part):
    """The evaluation queries.

    Attributes:
        origin: ``synthetic`` (made from the text by rules), or ``given`` by the user.
        name: Of the query set.
        judged_unit: ``passage`` or ``document``.
        n: Queries in the sample.
        available: Queries in all.
        clusters: Documents or sections that answer them.
        clustered_by: ``document`` or ``section``.
    """

    origin: Literal["synthetic", "given"]
    name: str
    judged_unit: str
    n: int
    available: int
    clusters: int
    clustered_by: str


class SampleFacts(_Part):
    """The samples that were searched.

    Attributes:
        passages: Passages searched by all systems.
        of_passages: Passages of the corpus.
        tokens: Of the passages searched by all systems.
        train_queries: Synthetic queries that the adapter was fitted to.
        chunk_passages: Passages searched in all chunk sizes.
        chunk_queries: Queries of that search.
    """

    passages: int
    of_passages: int
    tokens: int
    train_queries: int
    chunk_passages: int
    chunk_queries: int


class ChunkFacts(_Part):
    """Chunk sizes; see ``chunk_sizes.ChunkCells``.

    Attributes:
        reference: The cell of the present practice.
        best: The recommended size, in tokens.
        cells: Cell → measures, and ``vectors``, the number of vectors in an index of the sample.
        comparisons: Every other cell against the reference.
    """

    reference: str
    best: int
    cells: dict[str, dict[str, float]]
    comparisons: list[Comparison]


class Headroom(_Part):
    """What a better order could gain, in nDCG@10.

    Attributes:
        system: The fusion if it is better than the base, else the base.
        now: Its score.
        perfect_order: Its score with its first hundred results in perfect order.
        gain: The difference.
        mrr: Its MRR@10.
        recall: Its recall@100, which no order can raise.
    """

    system: str
    now: float
    perfect_order: float
    gain: float
    mrr: float
    recall: float


class PowerFacts(_Part):
    """Test queries needed to show a gain with 80 % power.

    Attributes:
        change: The kind of change: fusion with BM25, or a query adapter.
        detectable: Smallest gain that the evaluation queries show.
        needed: Gain in points → number of queries in all.
    """

    change: str
    detectable: float
    needed: dict[str, int]


class Recommendation(_Part):
    """The advice in words.

    Attributes:
        decision: The first step.
        sentence: The same in words.
        reasons: With figures.
        then: Worthwhile further steps, in this order.
        commands: To run next, in this order.
        weak: Why the advice is weak; empty where it is not.
    """

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
    """Estimated cost of one way to tune: steps of ``batch`` examples, seconds in all, and peak memory of the process."""

    batch: int
    step_seconds: float
    memory_bytes: int
    steps: int
    seconds: int


class Cost(_Part):
    """Estimated cost on this machine; a way to tune is None if the sample has too few queries."""

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
    ci95: tuple[float, float] | None


class Scaling(_Part):
    """Growth of the gain with every doubling of the train queries.

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
    ci95: tuple[float, float] | None
    standard_error: float
    p_value: float
    distinguishable: bool


class Advice(_Part):
    """Everything that ``advise`` measured, and its recommendation.

    Attributes:
        source: As given.
        model: The base model.
        documents: Number of documents read.
        skipped: Files that were not read: name and reason.
        language: Of the corpus, in English; empty where it was not recognised.
        warnings: Problems to fix first.
        window: What the model's window cuts off.
        systems: System → measures.
        comparisons: Of systems, by the primary measure.
        power: For each kind of change.
        scaling: Whether more queries would help; None if it was not measured.
        cost: Of encoding and tuning.
        seconds: Taken by the advice.
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
    recommendation: Recommendation
    seconds: float


def check_file(path: Path) -> None:
    """Check before minutes of work that a file can be written.

    Raises:
        ResourceError: If its folder is missing or cannot be written.
    """
    with _writing(path), tempfile.TemporaryFile(dir=path.parent):
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder")


def write_advice(advice: Advice, path: Path) -> None:
    """Write the JSON under a temporary name, sync it and rename it.

    Raises:
        ResourceError: If the disk is full or a permission is missing.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        with _writing(path):
            write_json(part, advice.model_dump(mode="json", by_alias=True))
            sync(part)
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ResourceError(
            f"{path}: expected a file that can be written, found: {error}", hint="choose another file with --out"
        ) from error
