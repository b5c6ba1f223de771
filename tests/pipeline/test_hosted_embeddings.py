import zlib

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from embedtune.errors import ConfigError
from embedtune.llm.failures import classify
from embedtune.pipeline.hosted_embeddings import load_embedding
from tests.embedding_server import EmbeddingServer
from tests.llm.test_exchange import send, served

TEXTS = ["the lamp blinks orange", "rinse the tank twice"]


@pytest.fixture(scope="module")
def plain(tiny_base):
    return SentenceTransformer(str(tiny_base)).encode(TEXTS)


def test_a_server_with_openais_interface_is_asked_with_its_own_key(tiny_base, plain, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "for-openai-alone")
    monkeypatch.setenv("EMBEDTUNE_LLM_KEY", "for-this-server")
    with EmbeddingServer({"closed": tiny_base}) as server:
        embedding = load_embedding("openai:closed", f"{server.url}/v1")
        assert np.allclose(embedding.get_text_embedding_batch(TEXTS), plain, atol=1e-6)
        assert np.allclose(embedding.get_query_embedding(TEXTS[0]), plain[0], atol=1e-6)
    assert {body["key"] for _, body in server.requests} == {"Bearer for-this-server"}


def test_a_class_of_llama_index_is_another(tiny_base, plain):
    embedding = load_embedding(f"llama_index.embeddings.huggingface.HuggingFaceEmbedding:{tiny_base}")
    found = np.array(embedding.get_text_embedding_batch(TEXTS))
    assert np.allclose(found, plain / np.linalg.norm(plain, axis=1, keepdims=True), atol=1e-5)


def test_texts_stay_with_their_server_and_so_do_the_variables_of_others(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "x-more: canary")
    rows = {"data": [{"index": 0, "embedding": [1.0, 2.0], "object": "embedding"}], "object": "list", "model": "m"}
    with served(lambda handler: send(handler, rows)) as (other, elsewhere):
        assert load_embedding("openai:m", f"{other}/v1").get_query_embedding("a text") == [1.0, 2.0]
        assert "canary" not in str(elsewhere)
        target = other.replace("127.0.0.1", "localhost")
        with served(lambda handler: send(handler, {}, 307, location=target)) as (url, _), pytest.raises(Exception):  # noqa: B017
            load_embedding("openai:m", f"{url}/v1").get_query_embedding("a text")
    assert len(elsewhere) == 1


def test_vectors_have_a_largest_size():
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = packer.compress(b" " * 2**28) + packer.flush()
    with (
        served(lambda handler: send(handler, bomb, content_encoding="gzip")) as (url, _),
        pytest.raises(Exception) as error,
    ):
        load_embedding("openai:m", f"{url}/v1").get_query_embedding("a text")
    assert "more than" in str(classify(error.value))


@pytest.mark.parametrize(
    "name", ["", "openai", "openai:", "os.path:x", "llama_index.embeddings.huggingface.NoSuchClass:x"]
)
def test_other_names_are_refused(name):
    with pytest.raises(ConfigError, match="expected openai:MODEL"):
        load_embedding(name, "http://localhost:1")


def test_what_is_missing_is_named(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="OPENAI_API_KEY"):
        load_embedding("openai:text-embedding-3-small")
    with pytest.raises(ConfigError) as error:
        load_embedding("llama_index.embeddings.cohere.CohereEmbedding:embed-v4")
    assert error.value.hint == 'pip install "llama-index-embeddings-cohere"'
