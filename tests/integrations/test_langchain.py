from __future__ import annotations

import asyncio
import pickle

import numpy as np
import pytest
from langchain_core.documents import Document
from langchain_core.load import dumps, loads
from langchain_core.vectorstores import InMemoryVectorStore

from embedtune.integrations.langchain import EmbedtuneEmbeddings, EmbedtuneRetriever, window_documents
from embedtune.serving.embedder import Embedder
from embedtune.serving.retriever import Retriever

TEXTS = ["the lamp blinks orange", "rinse the tank twice", "stitches skip"]


@pytest.fixture(scope="module")
def embeddings(run):
    return EmbedtuneEmbeddings(run=str(run))


def near(found, expected):
    return np.abs(np.array(found) - expected).max() < 1e-5


def test_queries_and_documents_are_embedded_with_their_prompts(run, embeddings):
    embedder = Embedder.from_run(run)
    assert near(embeddings.embed_query(TEXTS[0]), embedder.encode_query(TEXTS[0]))
    assert near(embeddings.embed_documents(TEXTS), embedder.encode_documents(TEXTS))


def test_async_gives_the_same(embeddings):
    async def ask():
        return await embeddings.aembed_query(TEXTS[0]), await embeddings.aembed_documents(TEXTS)

    query, documents = asyncio.run(ask())
    assert near(query, embeddings.embed_query(TEXTS[0]))
    assert near(documents, embeddings.embed_documents(TEXTS))


@pytest.mark.parametrize("kind", [EmbedtuneEmbeddings, EmbedtuneRetriever])
def test_both_go_through_langchains_load_and_through_pickle(run, kind):
    used = kind(run=str(run), device="cpu")
    expected = used.invoke(TEXTS[0]) if kind is EmbedtuneRetriever else used.embed_query(TEXTS[0])
    for copy in (
        loads(dumps(used), allowed_objects=[kind], valid_namespaces=["embedtune"]),
        pickle.loads(pickle.dumps(used)),
    ):
        assert (copy.run, copy.device) == (str(run), "cpu")
        assert (copy.invoke(TEXTS[0]) if kind is EmbedtuneRetriever else copy.embed_query(TEXTS[0])) == expected


def test_a_retriever_returns_what_eval_ranked(run):
    expected = Retriever.from_run(run, "hybrid_tuned").retrieve_batch(TEXTS, 4)
    retriever = EmbedtuneRetriever(run=str(run), system="hybrid_tuned", k=4)
    ids = [[hit.passage.passage_id for hit in hits] for hits in expected]
    assert [document.id for document in retriever.invoke(TEXTS[0])] == ids[0]
    assert [[document.id for document in found] for found in retriever.batch(TEXTS)] == ids
    assert [document.id for document in asyncio.run(retriever.ainvoke(TEXTS[2]))] == ids[2]
    first = retriever.invoke(TEXTS[0])[0]
    assert first.page_content == expected[0][0].passage.text
    assert first.metadata["score"] == pytest.approx(expected[0][0].score, abs=1e-4)
    assert (first.metadata["system"], first.metadata["rank"]) == ("hybrid_tuned", 1)


def test_a_store_of_windows_finds_the_passage(embeddings):
    long = Document(id="a", page_content=" ".join(f"word{n}" for n in range(90)), metadata={"title": "Manual"})
    windows = window_documents([long, Document(page_content="short")], embeddings.embedder)
    assert [window.id for window in windows[:2]] == ["a#0", "a#1"]
    assert (windows[-1].id, windows[-1].metadata) == ("1#0", {"passage_id": "1"})
    assert windows[1].page_content.startswith("Manual\n")
    store = InMemoryVectorStore.from_documents(windows, embeddings)
    assert store.similarity_search("word3 word4", k=1)[0].metadata["passage_id"] in ("a", "1")
