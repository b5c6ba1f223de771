from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from embedtune.errors import ConfigError, DataError, IntegrityError
from embedtune.serving.embedder import Embedder
from tests.small_runs import make_dataset, train_nothing

TEXTS = ["the lamp blinks orange", "rinse the tank twice"]


def difference(a, b):
    return np.abs(a - b).max()


@pytest.mark.parametrize("method", ["lora", "query-lora", "linear"])
def test_vectors_are_those_of_the_saved_model_with_its_prompts(served_run, method):
    run = served_run(method, prompts=True)
    model = SentenceTransformer(str(run / "model" / "merged"))
    embedder = Embedder.from_run(run, "tuned")
    assert (embedder.query_prompt, embedder.document_prompt) == ("query: ", "passage: ")
    assert difference(embedder.encode_queries(TEXTS), model.encode_query(TEXTS, normalize_embeddings=True)) < 1e-5
    assert difference(embedder.encode_documents(TEXTS), model.encode_document(TEXTS, normalize_embeddings=True)) < 1e-5
    assert embedder.encode_query(TEXTS[0]).shape == (embedder.dimension,) == (64,)
    assert difference(embedder.encode_document(TEXTS[1]), embedder.encode_documents(TEXTS)[1]) < 1e-6


@pytest.mark.parametrize("method", ["query-lora", "linear"])
def test_where_queries_alone_were_tuned_documents_are_the_base_to_the_bit(served_run, method):
    run = served_run(method, prompts=True)
    base, tuned = Embedder.from_run(run, "base"), Embedder.from_run(run, "tuned")
    assert np.array_equal(base.encode_documents(TEXTS), tuned.encode_documents(TEXTS))
    assert difference(base.encode_queries(TEXTS), tuned.encode_queries(TEXTS)) > 1e-2


def test_a_pickled_copy_gives_the_same_bits(served_run):
    embedder = Embedder.from_run(served_run("lora"))
    expected = embedder.encode_queries(TEXTS)
    copy = pickle.loads(pickle.dumps(embedder))
    assert "encoder" not in copy.__dict__
    assert np.array_equal(copy.encode_queries(TEXTS), expected)


def test_threads_take_turns(served_run):
    embedder = Embedder.from_run(served_run("lora"))
    expected = embedder.encode_query(TEXTS[0])
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: (embedder.windows("word " * n), embedder.encode_query(TEXTS[0]))[1], range(40)))
    assert all(np.array_equal(vector, expected) for vector in found)


def test_a_long_text_is_cut_into_the_windows_of_the_run(served_run):
    embedder = Embedder.from_run(served_run("lora"))
    text = " ".join(f"word{n}" for n in range(100))
    windows = embedder.windows(text, title="Title")
    assert len(windows) > 1
    assert all(window.startswith("Title\n") for window in windows)
    assert max(embedder.encoder.token_counts(windows)) <= embedder.window_tokens == 48
    assert embedder.windows("short") == ["short"]


def test_a_run_without_a_tuned_model_says_so(document_folder, tmp_path):
    base = make_dataset(tmp_path / "run", document_folder, tmp_path / "base")
    train_nothing(tmp_path / "run", base, shipped="base")
    with pytest.raises(DataError, match="training shipped the base"):
        Embedder.from_run(tmp_path / "run", "tuned")
    assert Embedder.from_run(tmp_path / "run").encode_queries([]).shape == (0, 64)


def test_wrong_names_and_changed_bytes_are_refused(served_run, tmp_path):
    with pytest.raises(ConfigError, match="expected one of auto, base, tuned"):
        Embedder.from_run(served_run("lora"), "best")
    with pytest.raises(DataError, match=r"manifest\.json"):
        Embedder.from_run(tmp_path)


def test_a_changed_byte_is_found(small_run, tmp_path):
    import shutil

    run = shutil.copytree(small_run[0], tmp_path / "run")
    path = run / "model" / "merged" / "modules.json"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(IntegrityError, match=r"modules\.json"):
        Embedder.from_run(run)
