from __future__ import annotations

import asyncio
import pickle

import numpy as np
import pytest
from haystack import Document, Pipeline
from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
from haystack.document_stores.in_memory import InMemoryDocumentStore

from embedtune.errors import DataError
from embedtune.integrations.haystack import (
    EmbedtuneDocumentEmbedder,
    EmbedtuneRetriever,
    EmbedtuneTextEmbedder,
    run_documents,
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


@pytest.fixture
def filled(run):
    store = InMemoryDocumentStore(embedding_similarity_function="dot_product")
    store.write_documents(run_documents(run, "tuned"))
    return InMemoryEmbeddingRetriever(store, scale_score=False)


@pytest.mark.parametrize("system", ["tuned", "hybrid_tuned"])
def test_a_retriever_over_a_document_store_ranks_as_the_one_without(run, filled, system):
    over_store, without = EmbedtuneRetriever(run, system, retriever=filled), EmbedtuneRetriever(run, system)
    over_store.warm_up()
    for text in TEXTS:
        found, expected = over_store.run(text)["documents"], without.run(text)["documents"]
        assert [each.id for each in found] == [each.id for each in expected]
        assert found[0].meta == expected[0].meta


def test_a_retriever_over_a_document_store_is_saved_with_it(run, filled):
    pipeline = Pipeline()
    pipeline.add_component("find", EmbedtuneRetriever(run, "tuned", retriever=filled))
    again = Pipeline.loads(pipeline.dumps(), allowed_modules=["embedtune"])
    assert again.dumps() == pipeline.dumps()
    assert isinstance(again.get_component("find").retriever, InMemoryEmbeddingRetriever)


def test_a_document_that_names_no_passage_is_refused(run):
    store = InMemoryDocumentStore(embedding_similarity_function="dot_product")
    store.write_documents(EmbedtuneDocumentEmbedder(run).run(documents())["documents"])
    retriever = EmbedtuneRetriever(run, "tuned", retriever=InMemoryEmbeddingRetriever(store))
    with pytest.raises(DataError, match="passage_id") as caught:
        retriever.run(TEXTS[0])
    assert "run_documents" in caught.value.hint


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
