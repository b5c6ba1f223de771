"""The official clients, and the stock classes of LangChain and LlamaIndex, over real sockets."""

from __future__ import annotations

import cohere
import numpy as np
import openai
import pytest

TEXTS = ["the lamp blinks orange", "rinse the tank twice"]


@pytest.fixture(scope="module")
def client(address):
    return openai.OpenAI(base_url=f"{address}/v1", api_key="secret", max_retries=0)


@pytest.mark.parametrize("form", [{}, {"encoding_format": "float"}], ids=["base64", "float"])
@pytest.mark.parametrize("side", ["query", "document"])
def test_openais_client_gets_the_vectors_of_eval(client, service, side, form):
    encode = service.embedder.encode_queries if side == "query" else service.embedder.encode_documents
    named = client.embeddings.create(model=f"{service.name}-{side}", input=TEXTS, **form)
    typed = client.embeddings.create(model=service.name, input=TEXTS, **form, extra_body={"input_type": side})
    for answer in (named, typed):
        vectors = np.array([each.embedding for each in answer.data], dtype=np.float32)
        assert np.abs(vectors - encode(TEXTS)).max() <= 1e-5
    assert named.usage.prompt_tokens == sum(service.embedder.encoder.token_counts(TEXTS))


def test_a_name_that_does_not_tell_the_side_is_refused_where_the_sides_differ(client, service):
    with pytest.raises(openai.BadRequestError, match="encodes queries and documents differently"):
        client.embeddings.create(model=service.name, input=TEXTS)
    with pytest.raises(openai.NotFoundError, match="expected run, run-query or run-document"):
        client.embeddings.create(model="gpt", input=TEXTS)
    with pytest.raises(openai.BadRequestError, match="dimensions: expected 64, found 8"):
        client.embeddings.create(model=f"{service.name}-query", input=TEXTS, dimensions=8)
    assert [each.id for each in client.models.list()] == ["run", "run-query", "run-document"]


def test_without_the_key_nothing_is_answered(address):
    with pytest.raises(openai.AuthenticationError, match="with the key of this server"):
        openai.OpenAI(base_url=f"{address}/v1", api_key="guess", max_retries=0).models.list()


@pytest.mark.parametrize("kind", [cohere.Client, cohere.ClientV2])
def test_coheres_client_reranks_by_the_cosine_of_the_best_window(address, service, kind):
    documents = [*TEXTS, " ".join(f"word{n}" for n in range(100))]
    answer = kind(api_key="secret", base_url=address).rerank(
        model="run", query="item 7919", documents=documents, top_n=2
    )
    query = service.embedder.encode_query("item 7919")
    scores = [max(service.embedder.encode_documents(service.embedder.windows(text)) @ query) for text in documents]
    order = np.argsort(scores)[::-1][:2]
    assert [each.index for each in answer.results] == order.tolist()
    assert [each.relevance_score for each in answer.results] == pytest.approx([scores[n] for n in order], abs=1e-5)


def test_langchains_stock_class(plain_address, plain_service):
    from langchain_openai import OpenAIEmbeddings

    embeddings = OpenAIEmbeddings(
        model="run", base_url=f"{plain_address}/v1", api_key="none", check_embedding_ctx_length=False
    )
    assert (
        np.abs(np.array(embeddings.embed_query(TEXTS[0])) - plain_service.embedder.encode_query(TEXTS[0])).max() <= 1e-5
    )
    expected = plain_service.embedder.encode_documents(TEXTS)
    assert np.abs(np.array(embeddings.embed_documents(TEXTS)) - expected).max() <= 1e-5


def test_llama_indexs_stock_class(plain_address, plain_service):
    from llama_index.embeddings.openai_like import OpenAILikeEmbedding

    embedding = OpenAILikeEmbedding(model_name="run", api_base=f"{plain_address}/v1", api_key="none")
    expected = plain_service.embedder.encode_documents(TEXTS)
    assert np.abs(np.array(embedding.get_text_embedding_batch(TEXTS)) - expected).max() <= 1e-5
    query = np.array(embedding.get_query_embedding(TEXTS[0]))
    assert np.abs(query - plain_service.embedder.encode_query(TEXTS[0])).max() <= 1e-5
