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

Decision = Literal["fix_chunking", "use_fusion", "use_bm25", "tune_query_side", "tune_fully", "leave"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class QueryFacts(_Part):
    """The evaluation queries."""

    origin: Literal["synthetic", "given"]  # synthetic (made from the text by rules), or given by the user
    name: str  # of the query set
    judged_unit: str  # passage or document
    n: int  # queries in the sample
    available: int  # queries in all
    clusters: int  # documents or sections that answer them
    clustered_by: str  # document or section


class SampleFacts(_Part):
    """The samples that were searched."""

    passages: int  # passages searched by all systems
    of_passages: int  # passages of the corpus
    tokens: int  # of the passages searched by all systems
    train_queries: int  # synthetic queries that the adapter was fitted to
    chunk_passages: int  # passages searched in all chunk sizes
    chunk_queries: int  # queries of that search


class ChunkFacts(_Part):
    """Chunk sizes; see ``chunk_sizes.ChunkCells``."""

    reference: str  # the cell of the present practice
    best: int  # the recommended size, in tokens
    cells: dict[str, dict[str, float]]  # cell → measures, and vectors, the number of vectors in an index of the sample
    comparisons: list[Comparison]  # every other cell against the reference


class Headroom(_Part):
    """What a better order could gain, in nDCG@10."""

    system: str  # the fusion if it is better than the base, else the base
    now: float  # its score
    perfect_order: float  # its score with its first hundred results in perfect order
    gain: float  # the difference
    mrr: float  # its MRR@10
    recall: float  # its recall@100, which no order can raise


class PowerFacts(_Part):
    """Test queries needed to show a gain with 80 % power."""

    change: str  # the kind of change: fusion with BM25, or a query adapter
    detectable: float  # smallest gain that the evaluation queries show
    needed: dict[str, int]  # gain in points → number of queries in all


class Recommendation(_Part):
    """The advice in words."""

    decision: Decision  # the first step
    sentence: str  # the same in words
    reasons: list[str]  # with figures
    then: list[Decision]  # worthwhile further steps, in this order
    commands: list[str]  # to run next, in this order
    weak: list[str]  # why the advice is weak; empty where it is not


class WindowShare(_Part):
    """Shares of tokens beyond the window, over a sample of documents."""

    window_tokens: int  # tokens that the model can take
    documents: int  # documents of the source
    measured_documents: int  # documents of the sample
    median_tokens: int  # median length
    share_documents_longer: float  # share of documents longer than the window
    share_lost_whole: float  # share of tokens lost if documents are encoded whole
    share_lost_in_chunks: dict[str, float]  # size of chunk → share of tokens lost, for sizes larger than the window


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
    """Growth of the gain with every doubling of the train queries."""

    points: list[ScalingPoint]  # gain by number of train queries
    slope_per_doubling: float  # of the least-squares line over the binary logarithm
    ci95: tuple[float, float] | None  # its 95 % interval
    standard_error: float  # its standard error
    p_value: float  # of a randomisation test
    distinguishable: bool  # whether test and interval agree that it is not 0


class Advice(_Part):
    """Everything that ``advise`` measured, and its recommendation."""

    schema_version: Literal[1] = 1
    source: str  # as given
    model: str  # the base model
    documents: int  # number of documents read
    skipped: list[tuple[str, str]]  # files that were not read: name and reason
    notes: list[tuple[str, str]] = []  # what to know about the reading of those that were
    language: str  # of the corpus, in English; empty where it was not recognised
    warnings: list[str]  # problems to fix first
    queries: QueryFacts
    sample: SampleFacts
    window: WindowShare  # what the model's window cuts off
    chunks: ChunkFacts
    systems: dict[str, dict[str, float]]  # system → measures
    comparisons: list[Comparison]  # of systems, by the primary measure
    headroom: Headroom
    power: list[PowerFacts]  # for each kind of change
    scaling: Scaling | None  # whether more queries would help; None if it was not measured
    cost: Cost  # of encoding and tuning
    recommendation: Recommendation
    seconds: float  # taken by the advice


def check_file(path: Path) -> None:
    """Raise a ResourceError if a file cannot be written: before minutes of work."""
    with _writing(path), tempfile.TemporaryFile(dir=path.parent):
        if path.is_dir():
            raise IsADirectoryError(f"{path} is a folder")


def write_advice(advice: Advice, path: Path) -> None:
    """Write the JSON under a temporary name, sync it and rename it; a ResourceError says what the disk refused."""
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
