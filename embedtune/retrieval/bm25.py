"""BM25 over whole passages, by bm25s."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from embedtune.quiet import quiet_libraries
from embedtune.text.analyzer import Analyzer


class BM25:
    """A lexical index; the Lucene variant with k1 = 1.2 and b = 0.75 (Robertson and Zaragoza 2009; Kamphuis et al. 2020)."""

    def __init__(self, texts: Sequence[str]) -> None:
        with quiet_libraries():  # tqdm warns in notebooks without ipywidgets
            import bm25s

        logging.getLogger("bm25s").setLevel(logging.INFO)  # which it sets to DEBUG, for every handler of an application
        self._analyze = Analyzer.of(texts)
        self._n_texts = len(texts)
        terms = [self._analyze(text) for text in texts]
        self._vocabulary = set(chain.from_iterable(terms))
        self._index = bm25s.BM25(method="lucene", k1=1.2, b=0.75) if self._vocabulary else None
        if self._index is not None:
            self._index.index(terms, show_progress=False)

    def scores(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """Return the score of every text for every query, ``(n_queries, n_texts)``; 0 where no term is shared."""
        rows = list(self.rows(queries))
        return np.stack(rows) if rows else np.zeros((0, self._n_texts), dtype=np.float32)

    def rows(self, queries: Iterable[str]) -> Iterator[NDArray[np.float32]]:
        """Yield the rows of ``scores`` one after the other: one stays in the processor's cache, hundreds do not."""
        for query in queries:
            known = [term for term in self._analyze(query) if term in self._vocabulary]
            if known and self._index is not None:
                yield self._index.get_scores(known)
            else:
                yield np.zeros(self._n_texts, dtype=np.float32)
