from __future__ import annotations

import asyncio
import pickle

import numpy as np
import pytest
from llama_index.core import VectorStoreIndex
from llama_index.core.schema import TextNode

from embedtune.integrations.llama_index import EmbedtuneEmbedding, EmbedtuneRetriever, run_nodes, window_nodes
from embedtune.serving.embedder import Embedder
from embedtune.serving.retriever import Retriever

TEXTS = ["the lamp blinks orange", "rinse the tank twice", "stitches skip"]


@pytest.fixture(scope="module")
def embedding(run):
    return EmbedtuneEmbedding(run)


def near(found, expected):
    return np.abs(np.array(found) - expected).max() < 1e-5


def test_queries_and_texts_are_embedded_with_their_prompts(run, embedding):
    embedder = Embedder.from_run(run)
    queries, texts = embedder.encode_queries(TEXTS), embedder.encode_documents(TEXTS)
    assert near([embedding.get_query_embedding(text) for text in TEXTS], queries)
    assert near([embedding.get_text_embedding(text) for text in TEXTS], texts)
    assert near(embedding.get_text_embedding_batch(TEXTS * 40), np.tile(texts, (40, 1)))


def test_async_gives_the_same(embedding):
    async def ask():
        query = await embedding.aget_query_embedding(TEXTS[0])
        return query, await embedding.aget_text_embedding(TEXTS[1]), await embedding.aget_text_embedding_batch(TEXTS)

    query, text, texts = asyncio.run(ask())
    assert near(query, embedding.get_query_embedding(TEXTS[0]))
    assert near(text, embedding.get_text_embedding(TEXTS[1]))
    assert near(texts, embedding.get_text_embedding_batch(TEXTS))


def test_it_goes_through_a_dictionary_and_through_pickle(run, embedding):
    expected = embedding.get_query_embedding(TEXTS[0])
    again = EmbedtuneEmbedding.from_dict(embedding.to_dict())
    assert (again.run, again.which, again.model_name) == (str(run), "auto", "embedtune:run")
    assert near(again.get_query_embedding(TEXTS[0]), expected)
    assert near(pickle.loads(pickle.dumps(embedding)).get_query_embedding(TEXTS[0]), expected)
    assert near(EmbedtuneEmbedding.from_json(embedding.to_json()).get_query_embedding(TEXTS[0]), expected)


def test_a_retriever_returns_what_eval_ranked(run):
    expected = Retriever.from_run(run, "hybrid_tuned").retrieve(TEXTS[0], 4)
    retriever = EmbedtuneRetriever(run, "hybrid_tuned", similarity_top_k=4)
    found = retriever.retrieve(TEXTS[0])
    assert [(each.node.node_id, each.score) for each in found] == [
        (hit.passage.passage_id, hit.score) for hit in expected
    ]
    assert found[0].node.metadata == {
        "passage_id": expected[0].passage.passage_id,
        "document_id": expected[0].passage.document_id,
        "system": "hybrid_tuned",
        "rank": 1,
        "dense_rank": expected[0].parts.dense,
        "lexical_rank": expected[0].parts.lexical,
    }
    later = asyncio.run(retriever.aretrieve(TEXTS[0]))
    assert [each.node.node_id for each in later] == [each.node.node_id for each in found]
    opened = EmbedtuneRetriever(Retriever.from_run(run, "bm25"), similarity_top_k=1)
    assert opened.retrieve("spray arm")[0].node.metadata["system"] == "bm25"


def test_an_index_of_the_runs_windows_finds_what_the_tuned_model_finds(run):
    index = VectorStoreIndex(run_nodes(run, "tuned", precision="fp32"), embed_model=EmbedtuneEmbedding(run, "tuned"))
    found = index.as_retriever(similarity_top_k=3).retrieve(TEXTS[0])
    expected = Retriever.from_run(run, "tuned").retrieve(TEXTS[0], 1)
    assert found[0].node.metadata["passage_id"] == expected[0].passage.passage_id
    assert found[0].score == pytest.approx(expected[0].score, abs=1e-5)


def test_a_long_node_becomes_windows_and_no_metadata_gets_into_their_vectors(embedding):
    node = TextNode(id_="n", text=" ".join(f"word{n}" for n in range(90)), metadata={"title": "Manual", "page": 3})
    windows = window_nodes([node, TextNode(id_="short", text="short")], embedding.embedder)
    assert [each.node_id for each in windows[:2]] == ["n#0", "n#1"]
    assert (windows[-1].node_id, windows[-1].text, windows[-1].metadata) == (
        "short#0",
        "short",
        {"passage_id": "short"},
    )
    assert all(each.text.startswith("Manual\n") for each in windows[:-1])
    assert windows[0].metadata == {"title": "Manual", "page": 3, "passage_id": "n"}
    embedded = embedding(windows)
    assert near(
        [each.embedding for each in embedded], embedding.embedder.encode_documents([each.text for each in windows])
    )
