"""What BM25 finds, and what its analysis costs: nDCG@10 on BEIR folders, and seconds for English text.

    python -m benchmarks.words FOLDER [FOLDER …] [--megabytes 100]

Each FOLDER is a BEIR folder with test judgements; its documents are searched whole, and once
more with bm25s's own tokenizer. The cost is the processor time that the
analyser takes for the texts of all folders in English, repeated up to MEGABYTES. Prints a table and writes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.tables import header, parser, row
from embedtune.documents.reading import read_query_set, read_source
from embedtune.evaluation.measures import per_query
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.searcher import Searcher, units_of
from embedtune.systems import find_kind
from embedtune.text.analyzer import Analyzer
from embedtune.types import Passage

_DEPTH = 100
_MEASURE = "ndcg@10"


def passages_of(folder: Path) -> list[Passage]:
    """Return the documents of a BEIR folder, each as one passage."""
    documents = read_source(str(folder)).documents
    return [Passage(each.document_id, each.document_id, each.title, each.text, 0, len(each.text)) for each in documents]


def measure(folder: Path, passages: Sequence[Passage], index: type[BM25] = BM25) -> float:
    """Return the mean nDCG@10 of a lexical index on the test queries of a folder."""
    labelled = read_query_set(folder)
    ids, texts = zip(*[(query.query_id, query.text) for query in labelled.queries], strict=True)
    searcher = Searcher(units_of(passages, "document"), lexical=index([passage.full_text for passage in passages]))
    run = searcher.runs(ids, texts, None, [find_kind("bm25")], _DEPTH)["bm25"]
    values = per_query(labelled.qrels, run, [_MEASURE])[_MEASURE]
    return sum(values.values()) / len(values)


class PlainBM25(BM25):
    """The same index over the terms that bm25s's own tokenizer makes, with its English stop words and stemmer."""

    def __init__(self, texts: Sequence[str]) -> None:
        import bm25s
        import Stemmer

        self._stemmer = Stemmer.Stemmer("english")
        terms = self._terms(texts)
        self._vocabulary = {term for text in terms for term in text}
        self._n_texts = len(texts)
        self._index = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
        self._index.index(terms, show_progress=False)

    def rows(self, queries: Iterable[str]) -> Iterator[NDArray[np.float32]]:
        """Yield the scores of each query."""
        for terms in self._terms(list(queries)):
            known = [term for term in terms if term in self._vocabulary]
            yield self._index.get_scores(known) if known else np.zeros(self._n_texts, dtype=np.float32)

    def _terms(self, texts: Sequence[str]) -> list[list[str]]:
        import bm25s

        options = {"stopwords": "en_plus", "stemmer": self._stemmer, "return_ids": False, "show_progress": False}
        terms: list[list[str]] = bm25s.tokenize(list(texts), **options)
        return terms


def repeated(texts: Sequence[str], n_bytes: int) -> Iterator[str]:
    """Yield texts, over and over, until they have so many bytes."""
    for text in cycle(texts):
        if n_bytes <= 0:
            return
        n_bytes -= len(text.encode())
        yield text


def cost(texts: Sequence[str], megabytes: int) -> float:
    """Return the seconds of processor time that the analyser takes for so many megabytes."""
    analyzer = Analyzer.of(texts)
    started = time.process_time()
    for text in repeated(texts, megabytes * 1_000_000):
        analyzer.document(text)
    return time.process_time() - started


def main() -> None:
    options = parser(__doc__)
    options.add_argument("folders", nargs="+", type=Path)
    options.add_argument("--megabytes", type=int, default=100)
    arguments = options.parse_args()
    found: dict[str, float] = {}
    plain: dict[str, float] = {}
    english: list[str] = []
    print("\n".join(header("collection", "passages", "languages", f"BM25 {_MEASURE}", "with bm25s's tokenizer")))
    for folder in arguments.folders:
        passages = passages_of(folder)
        texts = [passage.full_text for passage in passages]
        found[folder.name], plain[folder.name] = measure(folder, passages), measure(folder, passages, PlainBM25)
        languages = Analyzer.of(texts).languages
        english += texts if languages == ("english",) else []
        print(
            row(
                folder.name,
                f"{len(passages):,}",
                ", ".join(languages),
                f"{found[folder.name]:.4f}",
                f"{plain[folder.name]:.4f}",
            ),
            flush=True,
        )
    print(row("mean", "", "", *(f"{sum(values.values()) / len(values):.4f}" for values in (found, plain))))
    if english and arguments.megabytes:
        print(f"\n{arguments.megabytes} MB of English: {cost(english, arguments.megabytes):.1f} s of processor time")


if __name__ == "__main__":
    main()
