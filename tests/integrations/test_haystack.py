from __future__ import annotations

import asyncio
import pickle

import numpy as np
import pytest
from haystack import Document, Pipeline
from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore

from embedtune.integrations.haystack import (
    EmbedtuneDocumentEmbedder,
    EmbedtuneRetriever,
    EmbedtuneTextEmbedder,
    window_documents,
)
from embedtune.serving.embedder import Embedder
from embedtune.serving.retriever import Retriever

TEXTS = ["the lamp blinks orange", "rinse the tank twice", "stitches skip"]


def near(found, expected):
    return np.abs(np.array(found) - expected).max() < 1e-5


def documents():
    return [Document(content=text, meta={"place": n}) for n, text in enumerate(TEXTS)]


def test_queries_and_documents_are_embedded_with_their_prompts(run):
    embedder, given = Embedder.from_run(run), documents()
    text, document = EmbedtuneTextEmbedder(run), EmbedtuneDocumentEmbedder(run)
    text.warm_up()
    document.warm_up()
    assert near(text.run(TEXTS[0])["embedding"], embedder.encode_query(TEXTS[0]))
    found = document.run(given)["documents"]
    assert near([each.embedding for each in found], embedder.encode_documents(TEXTS))
    assert [each.meta["place"] for each in found] == [0, 1, 2]
    assert given[0].embedding is None
    assert asyncio.run(text.run_async(TEXTS[0])) == text.run(TEXTS[0])
    assert near(
        [each.embedding for each in asyncio.run(document.run_async(given))["documents"]],
        embedder.encode_documents(TEXTS),
    )


def test_a_pipeline_is_saved_and_read_back(run):
    store = InMemoryDocumentStore(embedding_similarity_function="dot_product")
    store.write_documents(EmbedtuneDocumentEmbedder(run).run(documents())["documents"])
    pipeline = Pipeline()
    pipeline.add_component("embed", EmbedtuneTextEmbedder(run, device="cpu"))
    pipeline.add_component("find", InMemoryEmbeddingRetriever(store, top_k=2))
    pipeline.connect("embed.embedding", "find.query_embedding")
    found = pipeline.run({"embed": {"text": TEXTS[0]}})["find"]["documents"]
    text = pipeline.dumps()
    again = Pipeline.loads(text, allowed_modules=["embedtune"])
    assert again.dumps() == text
    assert near(again.get_component("embed").run(TEXTS[0])["embedding"], Embedder.from_run(run).encode_query(TEXTS[0]))
    assert len(found) == 2


def test_a_retriever_returns_what_eval_ranked(run):
    expected = [hit.passage.passage_id for hit in Retriever.from_run(run, "hybrid_tuned").retrieve(TEXTS[0], 4)]
    pipeline = Pipeline()
    pipeline.add_component("find", EmbedtuneRetriever(run, "hybrid_tuned", top_k=4))
    pipeline.warm_up()
    assert [each.id for each in pipeline.run({"find": {"query": TEXTS[0]}})["find"]["documents"]] == expected
    again = Pipeline.loads(pipeline.dumps(), allowed_modules=["embedtune"])
    found = again.run({"find": {"query": TEXTS[0], "top_k": 2}})["find"]["documents"]
    assert [each.id for each in found] == expected[:2]
    assert found[0].meta["system"] == "hybrid_tuned"
    assert found[0].score > found[1].score


def test_a_retriever_runs_in_an_async_pipeline(run):
    pipeline = Pipeline()
    pipeline.add_component("find", EmbedtuneRetriever(run, "bm25", top_k=1))
    found = asyncio.run(pipeline.run_async({"find": {"query": "spray arm"}}))
    assert len(found["find"]["documents"]) == 1


@pytest.mark.parametrize("kind", [EmbedtuneTextEmbedder, EmbedtuneDocumentEmbedder, EmbedtuneRetriever])
def test_components_can_be_pickled(run, kind):
    copy = pickle.loads(pickle.dumps(kind(run)))
    copy.warm_up()
    assert copy.to_dict() == kind(run).to_dict()


def test_a_long_document_becomes_windows(run):
    long = Document(id="a", content=" ".join(f"word{n}" for n in range(90)), meta={"title": "Manual", "page": 3})
    windows = window_documents([long], Embedder.from_run(run))
    assert [window.id for window in windows[:2]] == ["a#0", "a#1"]
    assert all(window.content.startswith("Manual\n") for window in windows)
    assert windows[0].meta == {"title": "Manual", "page": 3, "passage_id": "a"}
