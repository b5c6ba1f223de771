"""Documents → ``corpus.jsonl``: a stream of passages is counted and written, and a bounded sample of it stays in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

from embedtune.config.settings import GenerateConfig
from embedtune.documents.buffer import PassageSample, in_blocks
from embedtune.documents.chunking import CountedPassage, chunk_documents, count_tokens, keep_whole
from embedtune.documents.segmentation import TokenCounts
from embedtune.executor import mapped, workers
from embedtune.formats import beir
from embedtune.models.encoder import Encoder, Origin, token_counter
from embedtune.progress import track
from embedtune.project.records import WindowRecord
from embedtune.retrieval.windows import corpus_windows
from embedtune.synthesis.statistics import CorpusStatistics
from embedtune.text.hashing import Fingerprints
from embedtune.types import Document, Passage, Source

_BLOCK = 256  # documents that a worker cuts at once
_BLOCK_CHARS = 1_000_000  # of them in all


@dataclass(frozen=True)
class ChunkedCorpus:
    """A written corpus, as far as it stays in memory.

    Attributes:
        sample: All passages of an ordinary corpus, some of a large one.
        statistics: Of all passages.
        n_passages: How many there are.
        n_identical: Passages that repeat title and text of an earlier one.
        first_document: The smallest document id, as an example; empty without passages.
        window: How all passages fit the windows.
    """

    sample: PassageSample
    statistics: CorpusStatistics
    n_passages: int
    n_identical: int
    first_document: str
    window: WindowRecord


def chunk_corpus(
    source: Source,
    encoder: Encoder,
    config: GenerateConfig,
    folder: Path,
    *,
    n_chars: int,
    wanted: Collection[str] = frozenset(),
) -> ChunkedCorpus:
    """Chunk a source into passages and write them to ``corpus.jsonl`` of a folder; ready-made passages stay whole.

    The encoder's tokenizer measures passages and windows. ``n_chars`` of the documents are for the progress; the sample has the
    passages of the ``wanted`` documents.
    """
    sample = PassageSample(config.max_query_passages, config.seed, wanted=wanted)
    statistics = CorpusStatistics(max_terms=config.max_terms)
    fingerprints = Fingerprints(folder)
    windows = WindowTally(encoder, min(config.window_tokens, encoder.window), config.window_overlap)
    first_document = ""
    if source.ready_made:
        counted = count_tokens(keep_whole(source.documents), encoder.token_counts)
    else:
        counted = _cut(source, encoder, windows.size)

    def passages() -> Iterator[Passage]:
        nonlocal first_document
        for passage, n_tokens in counted:
            sample.add(passage)
            statistics.add(passage.full_text)
            fingerprints.add(passage.full_text)
            windows.add(passage, n_tokens)
            first_document = min(first_document or passage.document_id, passage.document_id)
            yield passage
            on_progress(len(passage.text))

    with track("cut: characters", n_chars) as on_progress:
        beir.write_passages(folder, passages())
    n_identical = len(fingerprints.repeats())
    return ChunkedCorpus(sample, statistics, len(fingerprints), n_identical, first_document, windows.record())


def _cut(source: Source, encoder: Encoder, size: int) -> Iterator[CountedPassage]:
    """Yield the passages of a source, cut by workers if there are any; a document's passages follow from it alone."""
    if not (workers() and encoder.origin):
        return chunk_documents(source.documents, encoder.token_counts, size)
    blocks = in_blocks(source.documents, lambda each: len(each.text), max_items=_BLOCK, max_chars=_BLOCK_CHARS)
    own = partial(_passages, encoder.token_counts, size)
    return chain.from_iterable(mapped(partial(_cutter, encoder.origin, size), own, blocks))


def _cutter(origin: Origin, size: int) -> Callable[[Sequence[Document]], list[CountedPassage]]:
    """Return what cuts documents in a worker."""
    return partial(_passages, token_counter(origin), size)


def _passages(count: TokenCounts, size: int, documents: Sequence[Document]) -> list[CountedPassage]:
    return list(chunk_documents(documents, count, size))


class WindowTally:
    """Counts of windows and tokens, and of tokens lost by truncation."""

    def __init__(self, encoder: Encoder, size: int, overlap: float) -> None:
        self.size = size
        self._encoder = encoder
        self._model_window: int = encoder.window
        self._overlap = overlap
        self._corpus_tokens = self._truncated = self._n_windows = self._window_tokens = self._lost = 0

    def add(self, passage: Passage, n_tokens: int) -> None:
        """Count a passage."""
        self._corpus_tokens += n_tokens
        self._truncated += self._excess(n_tokens)
        # A passage that fits is one window and not tokenized again.
        lengths = [n_tokens]
        if n_tokens > self.size:
            windows = corpus_windows([passage], self._encoder, self.size, self._overlap)
            lengths = self._encoder.token_counts(windows.texts)
        for length in lengths:
            self._n_windows += 1
            self._window_tokens += length
            self._lost += self._excess(length)

    def record(self) -> WindowRecord:
        """Return the counts."""
        return WindowRecord(
            tokens=self.size,
            model_tokens=self._model_window,
            corpus_tokens=self._corpus_tokens,
            windows=self._n_windows,
            share_lost_by_truncation=round(self._truncated / max(1, self._corpus_tokens), 4),
            share_lost=round(self._lost / max(1, self._window_tokens), 4),
        )

    def _excess(self, n_tokens: int) -> int:
        return max(0, n_tokens - self._model_window)
