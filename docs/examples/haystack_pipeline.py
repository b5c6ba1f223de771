"""Haystack: index windows in a document store, search it with a run's embedders, save and load the pipeline.

python docs/examples/haystack_pipeline.py RUN "why does my default list argument keep its values"
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("HAYSTACK_TELEMETRY_ENABLED", "False")  # read when it is imported

from haystack import Document, Pipeline
from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore

from embedtune.formats.beir import read_passages
from embedtune.integrations.haystack import (
    EmbedtuneDocumentEmbedder,
    EmbedtuneRetriever,
    EmbedtuneTextEmbedder,
    window_documents,
)


def index_documents(run, documents):
    """Split documents into windows, embed them as the run's passages, and write them to a store."""
    embedder = EmbedtuneDocumentEmbedder(run)
    windows = window_documents(documents, embedder.embedder)
    store = InMemoryDocumentStore(embedding_similarity_function="dot_product")
    store.write_documents(embedder.run(windows)["documents"])
    return store


def over_a_store(run, store, top_k=5):
    """Build a pipeline from a question to the nearest windows of a store."""
    pipeline = Pipeline()
    pipeline.add_component("embedder", EmbedtuneTextEmbedder(run))
    pipeline.add_component("retriever", InMemoryEmbeddingRetriever(store, top_k=top_k))
    pipeline.connect("embedder.embedding", "retriever.query_embedding")
    return pipeline


def over_the_run(run, top_k=5):
    """Build a pipeline from a question to the run's passages, with the system that the verdict names."""
    pipeline = Pipeline()
    pipeline.add_component("retriever", EmbedtuneRetriever(run, top_k=top_k))
    return pipeline


def save_and_read_back(pipeline):
    """Write a pipeline as YAML and load it again; Haystack only imports allowed modules."""
    return Pipeline.loads(pipeline.dumps(), allowed_modules=["embedtune"])


def main(arguments=None):
    """Run both pipelines, print their results, and return them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("question")
    given = parser.parse_args(arguments)
    documents = [
        Document(id=passage.passage_id, content=passage.text, meta={"title": passage.title})
        for passage in read_passages(given.run / "dataset")
    ]
    store = index_documents(given.run, documents)
    windows = over_a_store(given.run, store).run({"embedder": {"text": given.question}})["retriever"]["documents"]
    again = save_and_read_back(over_the_run(given.run))
    passages = again.run({"retriever": {"query": given.question}})["retriever"]["documents"]
    for name, found in (("windows of the store", windows), ("passages of the run", passages)):
        print(name)
        for document in found:
            print(f"  {document.score:.3f} {document.id} {document.content[:60]!r}")
    return windows, passages


if __name__ == "__main__":
    main()
