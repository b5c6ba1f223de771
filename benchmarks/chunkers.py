"""Compare our chunker with semantic-text-splitter (``pip install semantic-text-splitter``) and print a table.

    python -m benchmarks.chunkers [FOLDER …]

Without a folder the packaged Python reference is used; a FOLDER is a BEIR folder with test judgements. A document scores as
its best passage. "In sections" gives the other splitter our sections and takes the heading path's tokens off its capacity.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from semantic_text_splitter import TextSplitter

from embedtune.config.settings import GenerateConfig
from embedtune.documents.chunking import chunk_documents, fit_title
from embedtune.documents.reading import read_query_set, read_source
from embedtune.evaluation.measures import per_query
from embedtune.models.encoder import Encoder, load_model
from embedtune.models.locate import find_model
from embedtune.resources import find_query_set
from embedtune.retrieval.bm25 import BM25
from embedtune.types import Document, Section


@cache
def splitter(encoder: Encoder, capacity: int) -> TextSplitter:
    """Return the other splitter; to make one takes a tenth of a second."""
    return TextSplitter.from_huggingface_tokenizer(encoder.model.tokenizer.backend_tokenizer, capacity)


def chunks_of(document: Document, encoder: Encoder, budget: int, chunker: str) -> Iterator[tuple[int, str]]:
    """Yield each passage of a document with the number of its section."""
    if chunker == "ours":
        for passage, _ in chunk_documents([document], encoder.token_counts, budget):
            yield sum(section.start <= passage.start for section in document.sections), passage.full_text
        return
    in_sections = chunker.endswith("sections")
    whole = (Section((), 0, len(document.text)),)
    for number, (headings, start, end) in enumerate((in_sections and document.sections) or whole):
        title = fit_title(headings, lambda text: encoder.token_counts([text])[0], budget // 4) if in_sections else ""
        room = budget - sum(encoder.token_counts([title]))
        for text in splitter(encoder, room).chunks(document.text[start:end]):
            yield number, f"{title}\n{text}" if title else text


def measure(source: str, encoder: Encoder, budget: int, chunker: str) -> str:
    """Return a row of the table."""
    documents = list(read_source(source).documents)
    labelled = read_query_set(Path(source) if Path(source).exists() else find_query_set(source))
    queries = [query.text for query in labelled.queries]
    started = time.process_time()
    chunks = [(n, *found) for n, doc in enumerate(documents) for found in chunks_of(doc, encoder, budget, chunker)]
    seconds = time.process_time() - started
    texts = [text for _, _, text in chunks]
    by_section: dict[tuple[int, int], list[int]] = {}
    for (document, section, _), count in zip(chunks, counts := encoder.token_counts(texts), strict=True):
        by_section.setdefault((document, section), []).append(count)
    spread = statistics.mean(statistics.pstdev(n) / statistics.mean(n) for n in by_section.values() if len(n) > 1)
    measures = []
    for scores in (BM25(texts).scores(queries), encoder.encode_queries(queries) @ encoder.encode_documents(texts).T):
        best = np.full((len(queries), len(documents)), -np.inf)
        np.maximum.at(best, (slice(None), [document for document, _, _ in chunks]), scores)
        run = {
            query.query_id: {documents[n].document_id: float(row[n]) for n in np.argsort(-row)[:100]}
            for query, row in zip(labelled.queries, best, strict=True)
        }
        measures.append(statistics.mean(per_query(labelled.qrels, run)["ndcg@10"].values()))
    over = sum(count > budget for count in counts) / len(counts)
    return f"{len(chunks)} | {over:.1%} | {spread:.2f} | {seconds:.1f} | {measures[0]:.3f} | {measures[1]:.3f}"


if __name__ == "__main__":
    config = GenerateConfig(source="")
    model = Encoder(load_model(find_model(config.model)))
    sys.stdout.write("| source | chunker | passages | too long | spread of lengths | seconds | BM25 | base |\n")
    for name in sys.argv[1:] or ["python-reference"]:
        for kind in ("ours", "semantic-text-splitter", "semantic-text-splitter in sections"):
            row = measure(name, model, min(config.window_tokens, model.window), kind)
            sys.stdout.write(f"| {Path(name).name} | {kind} | {row} |\n")
