import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from embedtune.errors import ConfigError, IntegrityError, ProviderError, ResourceError
from embedtune.pipeline.hosted_embeddings import EmbeddingCache, load_embedding
from tests.embedding_server import EmbeddingServer


class Counting:
    """Gives vectors by the length of a text, and counts; fails at a word."""

    def __init__(self):
        self.asked = []

    def __call__(self, texts):
        if "fail" in texts:
            raise RuntimeError("no more")
        self.asked += texts
        return [[len(text), 1.0, 0.0] for text in texts]


def test_texts_are_asked_once_for_each_side_and_embedder(tmp_path):
    ask = Counting()
    kept = EmbeddingCache(tmp_path, "one")
    found = kept.get("query", ["a", "bb", "a"], ask)
    assert found.shape == (3, 3)
    assert np.allclose(np.linalg.norm(found, axis=1), 1)
    assert np.array_equal(EmbeddingCache(tmp_path, "one").get("query", ["bb"], ask)[0], found[1])
    assert ask.asked == ["a", "bb"]
    kept.get("document", ["a"], ask)
    EmbeddingCache(tmp_path, "two").get("query", ["a"], ask)
    assert ask.asked == ["a", "bb", "a", "a"]


def test_what_was_given_before_a_failure_is_kept(tmp_path):
    ask, texts = Counting(), [f"text {number}" for number in range(64)]
    kept = EmbeddingCache(tmp_path, "one")
    with pytest.raises(ProviderError, match="RuntimeError: no more"):
        kept.get("query", [*texts, "fail"], ask)
    assert len(ask.asked) == 64
    kept.get("query", texts, ask)
    assert len(ask.asked) == 64


@pytest.mark.parametrize("wrong", [[[0.0, 0.0]], [[1.0, float("nan")]], [[1.0], [1.0]], []])
def test_vectors_that_cannot_be_are_refused(wrong, tmp_path):
    with pytest.raises(IntegrityError, match="expected 1 vectors"):
        EmbeddingCache(tmp_path, "one").get("query", ["a"], lambda texts: wrong)


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError):
        EmbeddingCache(tmp_path / "file", "one")


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
