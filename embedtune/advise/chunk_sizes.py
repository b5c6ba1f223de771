"""Chunk sizes: what the model's window cuts off of a text, and how well the base retrieves with chunks of each size."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

from embedtune.advise.evaluator import Evaluator, Scores, WindowsOf
from embedtune.advise.result import WindowShare
from embedtune.evaluation.verdict import MIN_GAIN, PRIMARY
from embedtune.models.encoder import Encoder
from embedtune.progress import track
from embedtune.project.evaluation_records import Comparison
from embedtune.retrieval.windows import windows_of
from embedtune.types import Document

SIZES = (64, 128, 256)
"""Chunk sizes in tokens that are tried, up to the model's window."""

CUT_OFF = "cut_off"
"""The cell of whole passages, truncated by the model."""

COMMON_CHUNKS = (512, 1024)
"""Default chunk sizes, in tokens, of popular frameworks."""

MAX_DOCUMENTS = 2000
_MAX_CHARS = 100_000  # of one document that are tokenized; the rest is extrapolated
_SCANNED = 100_000  # documents from which the sample is drawn


def measure_window_share(
    documents: Collection[Document], token_counts: Callable[[Sequence[str]], list[int]], window: int, seed: int
) -> WindowShare:
    """Return the shares of tokens beyond the window, for whole documents and for common chunk sizes.

    Of more than 2,000 documents a random sample is measured; ``token_counts`` is that of the embedder's tokenizer.
    """
    n_scanned = min(len(documents), _SCANNED)
    chosen = set(random.Random(seed).sample(range(n_scanned), min(n_scanned, MAX_DOCUMENTS)))  # noqa: S311 (reproducible on purpose)
    sample = [document for number, document in enumerate(islice(documents, n_scanned)) if number in chosen]
    tokens = [_tokens(document, token_counts) for document in sample]
    total = max(1, sum(tokens))
    return WindowShare(
        window_tokens=window,
        documents=len(documents),
        measured_documents=len(tokens),
        median_tokens=sorted(tokens)[len(tokens) // 2] if tokens else 0,
        share_documents_longer=round(sum(count > window for count in tokens) / max(1, len(tokens)), 4),
        share_lost_whole=round(sum(max(0, count - window) for count in tokens) / total, 4),
        share_lost_in_chunks={
            str(size): round(
                sum(count // size * (size - window) + max(0, count % size - window) for count in tokens) / total, 4
            )
            for size in COMMON_CHUNKS
            if size > window
        },
    )


def _tokens(document: Document, token_counts: Callable[[Sequence[str]], list[int]]) -> int:
    text = f"{document.title}\n{document.text}" if document.title else document.text
    head = text[:_MAX_CHARS]
    (count,) = token_counts([head])
    return round(count * len(text) / max(1, len(head)))


class ChunkCells(NamedTuple):
    """Retrieval with chunks of every size; a cell is a size in tokens, or ``CUT_OFF``."""

    scores: dict[str, Scores]  # cell → scores
    vectors: dict[str, int]  # cell → number of vectors in an index of the sample
    compared: dict[str, Comparison]  # every other cell against the reference
    reference: str  # the cell of the present practice
    best: int  # the recommended size: the wanted one, unless another is significantly better by a point or more


def sizes_for(window: int, wanted: int) -> list[int]:
    """Return the sizes to try with a model: ``SIZES`` and the wanted one, each at most the model's window."""
    return sorted({min(size, window) for size in (*SIZES, wanted)})


def measure_chunk_cells(
    evaluator: Evaluator, base: Encoder, *, wanted: int, overlap: float, cut_off: bool
) -> ChunkCells:
    """Search a sample with the base in chunks of every size; a passage scores as its best chunk.

    ``wanted`` is the chunk size of the settings, in tokens, ``overlap`` the share of a chunk that the next one repeats. With
    ``cut_off``, for ready-made passages, the reference is truncation of the long ones, else the wanted size.
    """
    cells: dict[str, WindowsOf] = {CUT_OFF: lambda passages: [[p.full_text] for p in passages]} if cut_off else {}
    for size in sizes_for(base.window, wanted):
        cells[str(size)] = partial(windows_of, encoder=base, tokens=size, overlap=overlap)
    scores, vectors = {}, {}
    for name, chunks_of in cells.items():
        dev = evaluator.dev_set(chunks_of)
        with track("chunks: cut off" if name == CUT_OFF else f"chunks: {name} tokens", dev.n_encoded) as on_progress:
            scores[name] = evaluator.score(evaluator.run(dev.dense_scores(base, on_progress)))
        vectors[name] = sum(map(len, chunks_of(evaluator.sample.passages)))
    present = str(min(wanted, base.window))
    best = best_size(evaluator, scores, present)
    reference = CUT_OFF if cut_off else present
    compared = evaluator.compare(scores, [(name, reference) for name in cells if name != reference])
    return ChunkCells(scores, vectors, {name: gain for (name, _), gain in compared.items()}, reference, best)


def best_size(evaluator: Evaluator, scores: dict[str, Scores], wanted: str) -> int:
    """Return the wanted size, or the best of those that are significantly better by a point or more."""
    pairs = [(name, wanted) for name in scores if name not in (wanted, CUT_OFF)]
    compared = evaluator.compare(scores, pairs).items()
    better = [name for (name, _), gain in compared if gain.better and gain.difference >= MIN_GAIN]
    return int(max(better, key=lambda name: scores[name][PRIMARY].mean(), default=wanted))
