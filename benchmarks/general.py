"""What untuned models make of the packaged general set: BM25 and each model named.

    python -m benchmarks.general [MODEL …]

data/general/README.md quotes the figures of the default model.
"""

from __future__ import annotations

import sys
import time

from embedtune.config.settings import DEFAULT_MODEL
from embedtune.documents.chunking import keep_whole
from embedtune.documents.reading import read_source
from embedtune.evaluation.measures import MEASURES, means, per_query
from embedtune.models.encoder import Encoder, load_model
from embedtune.models.locate import find_model
from embedtune.resources import find_query_set
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.searcher import Searcher, dense_run, units_of
from embedtune.retrieval.windows import corpus_windows
from embedtune.systems import find_kind
from embedtune.types import QuerySet, Run

DEPTH = 100


def main(names: list[str]) -> None:
    source = read_source(str(find_query_set("general")))
    passages, labelled = list(keep_whole(source.documents)), source.queries["test"]
    units = units_of(passages, labelled.judged_unit)
    ids, texts = zip(*((query.query_id, query.text) for query in labelled.queries), strict=True)
    print("| |", " | ".join(MEASURES), "| seconds |")
    searcher = Searcher(units, lexical=BM25([passage.full_text for passage in passages]))
    show("BM25", labelled, searcher.runs(ids, texts, None, [find_kind("bm25")], DEPTH)["bm25"])
    for name in names:
        encoder = Encoder(load_model(find_model(name)))
        started = time.perf_counter()
        windows = corpus_windows(passages, encoder, encoder.window, 0.0)
        queries, vectors = encoder.encode_queries(texts), encoder.encode_documents(windows.texts)
        run = dense_run(ids, queries, vectors, windows=windows, units=units, depth=DEPTH)
        show(name, labelled, run, time.perf_counter() - started)


def show(name: str, labelled: QuerySet, run: Run, seconds: float = 0.0) -> None:
    print(f"| {name} |", " | ".join(f"{value:.3f}" for value in means(per_query(labelled.qrels, run)).values()), end="")
    print(f" | {seconds:.1f} |")


if __name__ == "__main__":
    main(sys.argv[1:] or [DEFAULT_MODEL])
