"""How much of a text an embedder never sees, when a stack hands it over whole or in large chunks."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from itertools import islice

from embedtune.advise.result import WindowShare
from embedtune.types import Document

COMMON_CHUNKS = (512, 1024)
"""Sizes of chunk, in tokens, that popular stacks cut by default."""

MAX_DOCUMENTS = 2000
_MAX_CHARS = 100_000  # of one document that are tokenized; the rest is taken to be like them
_SCANNED = 100_000  # documents among which the sample is drawn


def measure_window_share(
    documents: Collection[Document], token_counts: Callable[[Sequence[str]], list[int]], window: int, seed: int
) -> WindowShare:
    """Return the shares of tokens beyond the window, for whole documents and for common chunks of them.

    Args:
        documents: As they were read; of more than 2,000 a random sample is measured.
        token_counts: By the embedder's tokenizer.
        window: Tokens that the model sees.
        seed: Of the sample.
    """
    n_scanned = min(len(documents), _SCANNED)
    chosen = set(random.Random(seed).sample(range(n_scanned), min(n_scanned, MAX_DOCUMENTS)))  # noqa: S311 (reproducible on purpose)
    sample = [each for number, each in enumerate(islice(documents, n_scanned)) if number in chosen]
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
            str(size): round(sum(_lost_in_chunks(count, size, window) for count in tokens) / total, 4)
            for size in COMMON_CHUNKS
            if size > window
        },
    )


def _tokens(document: Document, token_counts: Callable[[Sequence[str]], list[int]]) -> int:
    text = f"{document.title}\n{document.text}" if document.title else document.text
    head = text[:_MAX_CHARS]
    (count,) = token_counts([head])
    return round(count * len(text) / max(1, len(head)))


def _lost_in_chunks(tokens: int, size: int, window: int) -> int:
    whole, rest = divmod(tokens, size)
    return whole * (size - window) + max(0, rest - window)
