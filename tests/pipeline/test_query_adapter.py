"""An embedder that only gives vectors, on a real socket: each text is asked once, and the map is applied to queries alone."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from llama_index.core.base.embeddings.base import BaseEmbedding

import embedtune
from embedtune.errors import DataError, ProviderError
from embedtune.integrations.langchain import QueryAdapterEmbeddings
from embedtune.integrations.llama_index import QueryAdapterEmbedding
from embedtune.pipeline.query_adapter import fit_query_adapter
from tests.embedding_server import EmbeddingServer
from tests.served_runs import QUERIES, write_source
from tests.small_runs import make_dataset

SETTINGS = {
    "batch_size": 16, "epochs": 32, "positive_boost": 20, "hubness_weight": 0, "linear_learning_rate": 0.05,
}  # fmt: skip
NAME = "openai:closed"


class Closed(BaseEmbedding):
    """Asks a server with OpenAI's interface."""

    url: str

    def _get_query_embedding(self, query):
        return self._get_text_embeddings([query])[0]

    async def _aget_query_embedding(self, query):
        return self._get_query_embedding(query)

    def _get_text_embedding(self, text):
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts):
        body = json.dumps({"model": "closed", "input": texts}).encode()
        asked = urllib.request.Request(f"{self.url}/v1/embeddings", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return [row["embedding"] for row in json.load(answer)["data"]]


class AsLangChain:
    """The same for LangChain."""

    def __init__(self, closed):
        self.embed_query, self.embed_documents = closed.get_query_embedding, closed.get_text_embedding_batch


@pytest.fixture(scope="module")
def server(tiny_base):
    with EmbeddingServer({"closed": tiny_base}) as server:
        yield server


@pytest.fixture(scope="module")
def run(passages, tmp_path_factory):
    run, scratch = tmp_path_factory.mktemp("closed") / "run", tmp_path_factory.mktemp("base")
    write_source(scratch / "source", passages)
    make_dataset(run, scratch / "source", scratch, queries_from="source")
    return run


def fit(run, server, **options):
    config = embedtune.TrainConfig(method="linear", teacher="none", query_side=SETTINGS)
    return fit_query_adapter(run, Closed(url=server.url), NAME, config, **options)


@pytest.fixture(scope="module")
def fitted(run, server):
    return fit(run, server)


def test_the_map_finds_what_the_embedder_did_not(fitted):
    record = fitted.record
    assert record.shipped == "tuned"
    assert record.test["tuned"]["mrr@10"] > record.test["base"]["mrr@10"] + 0.2
    assert sorted(path.name for path in fitted.folder.iterdir()) == ["config.json", "manifest.json", "map.safetensors"]


def test_each_text_is_asked_once(run, server, fitted):
    asked = [text for _, body in server.requests for text in body["input"]]
    assert len(asked) == len(set(asked)) > len(QUERIES)
    again = fit(run, server, force=True)
    assert again.record == fitted.record
    assert sum(len(body["input"]) for _, body in server.requests) == len(asked)
    assert fit(run, server).status == "skipped"


def test_queries_are_mapped_and_texts_stay(server, fitted):
    closed = Closed(url=server.url)
    mapped = QueryAdapterEmbedding(closed, fitted.folder)
    text = QUERIES[3]
    assert mapped.get_text_embedding_batch([text]) == closed.get_text_embedding_batch([text])
    assert mapped.get_text_embedding(text) == closed.get_text_embedding(text)
    moved = np.array(mapped.get_query_embedding(text))
    assert np.linalg.norm(moved) == pytest.approx(1, abs=1e-5)
    assert np.abs(moved - closed.get_query_embedding(text)).max() > 1e-2
    assert mapped.get_query_embedding(text) == asyncio.run(mapped.aget_query_embedding(text))
    chained = QueryAdapterEmbeddings(AsLangChain(closed), fitted.folder)
    assert chained.embed_query(text) == mapped.get_query_embedding(text)
    assert chained.embed_documents([text]) == closed.get_text_embedding_batch([text])


def test_the_code_of_the_page_runs(run, server, fitted, capsys):
    page = (Path(__file__).parents[2] / "docs" / "integrations" / "hosted-embeddings.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE))
    real = code.replace('"runs/mine', f'"{run}').replace('"openai:text-embedding-3-small"', f'"{NAME}", config')
    config = embedtune.TrainConfig(method="linear", teacher="none", query_side=SETTINGS)
    real = real.replace("from llama_index.embeddings.openai import OpenAIEmbedding\n", "")  # an extra package
    real = real.replace('OpenAIEmbedding(model="text-embedding-3-small")', "closed")
    exec(compile(real, "hosted-embeddings.md", "exec"), {"closed": Closed(url=server.url), "config": config})
    assert capsys.readouterr().out.endswith("64\n")


def test_an_embedder_that_fails_is_a_provider_error(passages, run):
    config = embedtune.TrainConfig(method="linear", teacher="none", query_side=SETTINGS)
    with pytest.raises(ProviderError, match="URLError"):
        fit_query_adapter(run, Closed(url="http://127.0.0.1:9"), "openai:nobody", config)
    assert (run / "query_adapter" / "manifest.json").is_file()  # the result of before


def test_without_a_dataset_there_is_nothing_to_fit(tmp_path):
    with pytest.raises(DataError):
        fit_query_adapter(tmp_path, Closed(url="http://127.0.0.1:9"), NAME)
