"""Every stack gives the vectors that eval searched with, and the same top ten; and the calls that we warn of do not.

Rows: stacks, each by the route that we recommend. Columns: tuned on both sides, queries alone, or with words beside the
vectors; with and without prompts. The packages langchain-huggingface and sentence-transformers-haystack are not among the pinned ones; what they call, plain
``encode``, is held against eval's vectors in their stead.
"""

from __future__ import annotations

import os

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"
os.environ["ANONYMIZED_TELEMETRY"] = "False"
os.environ["POSTHOG_DISABLED"] = "1"

import importlib.util
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from embedtune.evaluation.runner import models_of_run
from embedtune.formats.beir import read_passages
from embedtune.formats.run_files import ranked, read_run
from embedtune.project.trained_run import read_trained_run
from embedtune.retrieval.searcher import dense_run, units_of
from embedtune.retrieval.windows import corpus_windows
from tests.served_runs import QUERIES

TOLERANCE = 1e-5
IDS = [f"q{number}" for number in range(len(QUERIES))]
COLUMNS = [(method, prompts) for method in ("lora", "query-lora", "hybrid-vector") for prompts in (True, False)]
NAMES = [f"{method}-{'prompts' if prompts else 'bare'}" for method, prompts in COLUMNS]
# Without prompts all are encoded by the same calls: in the fast tests one column stands for it.
_MARKED = [
    pytest.param(column, marks=() if column[1] or column[0] == "lora" else pytest.mark.slow, id=name)
    for column, name in zip(COLUMNS, NAMES, strict=True)
]
every_column = pytest.mark.parametrize("expected", _MARKED, indirect=True, scope="module")
columns_of_stock_modules = pytest.mark.parametrize("expected", _MARKED[:4], indirect=True, scope="module")
"""Words beside vectors are a module of ours: no call that is unaware of it can load it."""


class Expected(NamedTuple):
    """What eval searched with, and what it found."""

    run: Path
    merged: str
    passages: list
    windows: object
    queries: np.ndarray
    documents: np.ndarray
    top_tens: list


@pytest.fixture(scope="module")
def expected(request, served_run):
    method, prompts = request.param
    folder = served_run(method, prompts=prompts, evaluated=True)
    run = read_trained_run(folder)
    tuned = next(model for model in models_of_run(run, Path(run.settings.model), "fp32") if model.name == "tuned")
    encoder = tuned.load()
    passages = read_passages(folder / "dataset")
    windows = corpus_windows(passages, encoder, run.settings.window_tokens, run.settings.window_overlap)
    found = read_run(folder / "eval" / "tuned.run.trec")
    return Expected(
        folder,
        str(run.merged),
        passages,
        windows,
        encoder.encode_queries(QUERIES),
        encoder.encode_documents(windows.texts),
        [[name for name, _ in ranked(found[query_id])[:10]] for query_id in IDS],
    )


def sentence_transformers(expected):
    model = SentenceTransformer(expected.merged, trust_remote_code=True)
    queries = model.encode_query(QUERIES, normalize_embeddings=True)
    return queries, model.encode_document(expected.windows.texts, normalize_embeddings=True)


def llama_index(expected):
    from embedtune.integrations.llama_index import EmbedtuneEmbedding

    embedding = EmbedtuneEmbedding(expected.run, "tuned")
    queries = [embedding.get_query_embedding(text) for text in QUERIES]
    return queries, embedding.get_text_embedding_batch(expected.windows.texts)


def langchain(expected):
    from embedtune.integrations.langchain import EmbedtuneEmbeddings

    embeddings = EmbedtuneEmbeddings(run=str(expected.run), which="tuned")
    return [embeddings.embed_query(text) for text in QUERIES], embeddings.embed_documents(expected.windows.texts)


def haystack(expected):
    from haystack import Document

    from embedtune.integrations.haystack import EmbedtuneDocumentEmbedder, EmbedtuneTextEmbedder

    text = EmbedtuneTextEmbedder(expected.run, "tuned")
    documents = [Document(content=each) for each in expected.windows.texts]
    embedded = EmbedtuneDocumentEmbedder(expected.run, "tuned").run(documents)["documents"]
    return [text.run(each)["embedding"] for each in QUERIES], [document.embedding for document in embedded]


def txtai(expected):
    from txtai import Embeddings

    options = {"vectors": {"trust_remote_code": True}}
    embeddings = Embeddings(path=expected.merged, method="sentence-transformers", gpu=False, **options)
    queries = embeddings.batchtransform(QUERIES, category="query")
    return queries, embeddings.batchtransform(expected.windows.texts, category="data")


EMBEDDERS = [sentence_transformers, llama_index, langchain, haystack, txtai]


@every_column
@pytest.mark.parametrize("stack", EMBEDDERS, ids=lambda stack: stack.__name__)
def test_an_embedder_gives_the_vectors_of_eval_and_its_top_tens(expected, stack):
    queries, documents = (np.array(vectors, dtype=np.float32) for vectors in stack(expected))
    assert np.abs(queries - expected.queries).max() <= TOLERANCE
    assert np.abs(documents - expected.documents).max() <= TOLERANCE
    units = units_of(expected.passages, "passage")
    found = dense_run(IDS, queries, documents, windows=expected.windows, units=units, depth=100)
    assert [[name for name, _ in ranked(found[each])[:10]] for each in IDS] == expected.top_tens


@cache
def stores():
    path = Path(__file__).parents[2] / "docs" / "examples" / "vector_stores.py"
    spec = importlib.util.spec_from_file_location("example_vector_stores", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def kept_by_chroma(store):
    found = store.collection.get(include=["embeddings"])
    return dict(zip(found["ids"], found["embeddings"], strict=True))


def kept_by_lancedb(store):
    return {row["window_id"]: row["vector"] for row in store.table.to_arrow().to_pylist()}


@every_column
@pytest.mark.parametrize(("name", "kept"), [("chroma", kept_by_chroma), ("lancedb", kept_by_lancedb)])
def test_a_store_keeps_the_vectors_of_eval_and_returns_its_top_tens(expected, name, kept, tmp_path):
    from embedtune.serving.retriever import Retriever
    from embedtune.serving.windows import load_rows

    rows = load_rows(expected.run, "tuned")
    store = stores().STORES[name](rows, tmp_path)
    vectors = kept(store)
    difference = np.array([vectors[row.window_id] for row in rows]) - expected.documents
    assert np.abs(difference).max() <= TOLERANCE
    found = Retriever.from_run(expected.run, "tuned", store=store).retrieve_batch(QUERIES, 10)
    assert [[hit.passage.passage_id for hit in hits] for hits in found] == expected.top_tens


def plain_encode(merged):
    return SentenceTransformer(merged).encode(QUERIES, normalize_embeddings=True)


def chromas_own(merged):
    from chromadb.utils.embedding_functions import SentenceTransformerEmbeddingFunction

    function = SentenceTransformerEmbeddingFunction(model_name=merged, device="cpu", normalize_embeddings=True)
    return function.embed_query(QUERIES)


def lancedbs_own(merged):
    from lancedb.embeddings import get_registry

    kind = get_registry().get("sentence-transformers")
    function = kind.create(name=merged, device="cpu", normalize=True, trust_remote_code=False)
    return [function.compute_query_embeddings(text)[0] for text in QUERIES]


def llama_indexs_own(merged):
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

    embedding = HuggingFaceEmbedding(model_name=merged, device="cpu")
    return [embedding.get_query_embedding(text) for text in QUERIES]


@columns_of_stock_modules
@pytest.mark.parametrize(
    "call", [plain_encode, chromas_own, lancedbs_own, llama_indexs_own], ids=lambda call: call.__name__
)
def test_the_calls_that_we_warn_of_give_other_vectors(expected, call, request):
    """They are right only where there is nothing to drop: no prompts, and one tower for queries and passages."""
    difference = np.abs(np.array(call(expected.merged), dtype=np.float32) - expected.queries).max()
    if request.node.callspec.params["expected"] == ("lora", False):
        assert difference <= TOLERANCE
    else:
        assert difference > 1e-3


@columns_of_stock_modules
def test_llama_indexs_own_class_with_both_prompts_is_right_for_one_tower_alone(expected, request):
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

    method, prompts = request.node.callspec.params["expected"]
    given = {"query_instruction": "query: ", "text_instruction": "passage: "} if prompts else {}
    embedding = HuggingFaceEmbedding(model_name=expected.merged, device="cpu", **given)
    found = np.array([embedding.get_query_embedding(text) for text in QUERIES], dtype=np.float32)
    right = np.abs(found - expected.queries).max() <= TOLERANCE
    assert right == (method == "lora")
