"""Documents → ``corpus.jsonl``: passages are cut, counted and written as they come; a bounded sample of them is kept."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from embedtune.config.settings import GenerateConfig
from embedtune.documents.chunking import Counted, chunk_documents, count_tokens, keep_whole
from embedtune.documents.sampling import PassageSample
from embedtune.formats import beir
from embedtune.models.encoder import Encoder
from embedtune.progress import track
from embedtune.retrieval.corpus import corpus_windows
from embedtune.synthesis.statistics import CorpusStatistics
from embedtune.text.hashing import Fingerprints
from embedtune.types import Passage, Source


class Cut:
    """What remains in memory of a corpus that was written.

    Attributes:
        sample: All passages of an ordinary corpus, some of a large one.
        statistics: Of all passages.
        n_passages: How many there are.
        n_identical: Passages whose title and text an earlier one has already.
        first_document: The smallest document id, as an example; empty without passages.
        window: Facts about the windows of all passages.
    """

    def __init__(
        self,
        source: Source,
        encoder: Encoder,
        config: GenerateConfig,
        folder: Path,
        *,
        n_chars: int,
        wanted: Collection[str] = frozenset(),
    ) -> None:
        """Cut a source and write it.

        Args:
            source: What was read.
            encoder: Its tokenizer cuts.
            config: Settings.
            folder: Where ``corpus.jsonl`` goes; scratch files stand there without a name.
            n_chars: Characters of its documents, for the progress.
            wanted: Documents whose passages the sample must hold.
        """
        self.sample = PassageSample(config.max_query_passages, config.seed, wanted=wanted)
        self.statistics = CorpusStatistics(max_terms=config.max_terms)
        self.first_document = ""
        self._texts = Fingerprints(folder)
        self._windows = _WindowTally(encoder, min(config.window_tokens, encoder.window), config.window_overlap)
        if source.ready_made:
            passages = count_tokens(keep_whole(source.documents), encoder.token_counts)
        else:
            passages = chunk_documents(source.documents, encoder.token_counts, self._windows.size)
        with track("cut: characters", n_chars) as on_progress:
            beir.write_passages(folder, self._noted(passages, on_progress))
        self.n_passages = len(self._texts)
        self.n_identical = len(self._texts.repeats())
        self.window = self._windows.facts()

    def _noted(self, passages: Iterable[Counted], on_progress: Callable[[int], None]) -> Iterator[Passage]:
        for passage, tokens in passages:
            text = passage.full_text
            self.sample.add(passage)
            self.statistics.add(text)
            self._texts.add(text)
            self._windows.add(passage, tokens)
            self.first_document = min(self.first_document or passage.document_id, passage.document_id)
            yield passage
            on_progress(len(passage.text))


class _WindowTally:
    """Counts of windows and tokens, and what truncation would lose."""

    def __init__(self, encoder: Encoder, size: int, overlap: float) -> None:
        self.size = size
        self._encoder = encoder
        self._window: int = encoder.window
        self._overlap = overlap
        self._corpus_tokens = self._truncated = self._n_windows = self._window_tokens = self._lost = 0

    def add(self, passage: Passage, tokens: int) -> None:
        """Count a passage of so many tokens."""
        self._corpus_tokens += tokens
        self._truncated += self._beyond(tokens)
        # What fits is one window; it is not tokenized again to learn that.
        for length in [tokens] if tokens <= self.size else self._lengths(passage):
            self._n_windows += 1
            self._window_tokens += length
            self._lost += self._beyond(length)

    def facts(self) -> dict[str, Any]:
        """Return what the manifest says about windows."""
        return {
            "tokens": self.size,
            "model_tokens": self._encoder.window,
            "corpus_tokens": self._corpus_tokens,
            "windows": self._n_windows,
            "share_lost_by_truncation": round(self._truncated / max(1, self._corpus_tokens), 4),
            "share_lost": round(self._lost / max(1, self._window_tokens), 4),
        }

    def _lengths(self, passage: Passage) -> list[int]:
        return self._encoder.token_counts(corpus_windows([passage], self._encoder, self.size, self._overlap).texts)

    def _beyond(self, tokens: int) -> int:
        return max(0, tokens - self._window)
