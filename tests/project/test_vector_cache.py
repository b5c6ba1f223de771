from __future__ import annotations

import numpy as np
import pytest

from embedtune.errors import ResourceError
from embedtune.project import vector_cache
from embedtune.project.vector_cache import VectorCache, vectors_of_run


class Counting:
    """Encodes a text as its length, and counts."""

    precision = "fp32"

    def __init__(self, prompt=""):
        self.document_prompt = prompt
        self.calls = 0

    def encode_documents(self, texts, on_progress=None):
        self.calls += 1
        return np.array([[len(text)] for text in texts], dtype=np.float32)


def test_what_was_encoded_once_is_read_from_the_disk(tmp_path):
    encoder, told = Counting(), []
    first = VectorCache(tmp_path / "v").documents(encoder, "m", ["a", "bb"])
    again = VectorCache(tmp_path / "v").documents(encoder, "m", ["a", "bb"], told.append)
    assert encoder.calls == 1
    assert np.array_equal(first, again)
    assert sum(told) == 2


def test_other_texts_model_or_prompt_are_encoded_anew(tmp_path):
    cache, encoder, prompted = VectorCache(tmp_path), Counting(), Counting("passage: ")
    for model, texts, by in [
        ("m", ["a"], encoder),
        ("m", ["b"], encoder),
        ("n", ["a"], encoder),
        ("m", ["a"], prompted),
    ]:
        cache.documents(by, model, texts)
    assert encoder.calls + prompted.calls == 4


def test_a_torn_file_is_made_anew_and_named(tmp_path, caplog):
    encoder = Counting()
    VectorCache(tmp_path).documents(encoder, "m", ["a"])
    (file,) = tmp_path.glob("*.npy")
    file.write_bytes(file.read_bytes()[:-2])
    assert VectorCache(tmp_path).documents(encoder, "m", ["a"]).tolist() == [[1]]
    assert encoder.calls == 2
    assert file.name in caplog.text


def test_a_disk_that_refuses_costs_nothing_but_time(tmp_path, caplog):
    (tmp_path / "v").write_text("a file where a folder should be")
    assert VectorCache(tmp_path / "v").documents(Counting(), "m", ["a"]).tolist() == [[1]]
    assert "not kept" in caplog.text


def test_nothing_is_encoded_to_find(tmp_path):
    cache, encoder = VectorCache(tmp_path), Counting()
    assert cache.find(encoder, "m", ["a"]) is None
    cache.keep(encoder, "m", ["a"], np.array([[7]], dtype=np.float32))
    assert cache.find(encoder, "m", ["a"]).tolist() == [[7]]
    assert encoder.calls == 0


def test_readers_of_a_run_keep_what_they_encoded(tmp_path):
    encoder = Counting()
    first = vectors_of_run(tmp_path, encoder, "m", ["a", "bb"])
    assert np.array_equal(vectors_of_run(tmp_path, encoder, "m", ["a", "bb"]), first)
    assert encoder.calls == 1
    assert len(list((tmp_path / ".vectors").glob("*.npy"))) == 1


def test_vectors_of_earlier_trainings_are_pruned_with_their_searches(tmp_path):
    cache, encoder = VectorCache(tmp_path), Counting()
    for model in ("base", "old", "new"):
        cache.documents(encoder, model, ["a"])
        passages = cache.path(encoder, model, ["a"])
        cache.keep_search(f"search of {model}", model, {"q": np.ones(1, dtype=np.float32)}, passages, [0])
    cache.prune(["base", "new"])
    assert cache.find(encoder, "base", ["a"]) is not None and cache.find_search("search of new") is not None
    assert cache.find(encoder, "old", ["a"]) is None and cache.find_search("search of old") is None
    assert len(list(tmp_path.iterdir())) == 8


def test_what_is_made_of_vectors_is_made_once_and_goes_with_its_model(tmp_path):
    cache, made = VectorCache(tmp_path / "v"), []

    def build(path):
        made.append(path)
        path.write_bytes(b"index")
        return {"number": len(made)}

    for key, number in (("a", 1), ("a", 1), ("b", 2)):
        path, facts = cache.derived([key], "m", build)
        assert path.read_bytes() == b"index"
        assert facts == {"number": number}
    assert len(made) == 2
    cache.derived(["a"], "m", build).path.write_bytes(b"torn")
    cache.derived(["a"], "m", build)
    assert len(made) == 3
    cache.prune({"n"})
    assert not any((tmp_path / "v").iterdir())


def test_what_cannot_be_made_leaves_nothing_behind(tmp_path):
    def build(path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(ResourceError, match="No space left"):
        VectorCache(tmp_path / "v").derived(["a"], "m", build)
    assert not any((tmp_path / "v").iterdir())


def test_encoding_that_is_ended_goes_on_after_the_last_part(tmp_path, monkeypatch):
    monkeypatch.setattr(vector_cache, "_PART", 10)
    texts = [f"text {number % 35}" for number in range(40)]
    cache, encoder = VectorCache(tmp_path), Ending(after=3)
    with pytest.raises(KeyboardInterrupt):
        cache.documents(encoder, "m", texts)
    encoder.after = 100
    vectors = cache.documents(encoder, "m", texts)
    assert encoder.lengths == [10, 10, 10, 5]
    assert vectors[:, 0].tolist() == [number % 35 for number in range(40)]
    assert len([*tmp_path.glob("*.npy")]) == 1  # the whole
    assert np.array_equal(cache.documents(encoder, "m", texts), vectors)
    assert len(encoder.lengths) == 4


class Ending:
    """An encoder that is interrupted."""

    precision, document_prompt = "fp32", None

    def __init__(self, after):
        self.after = after
        self.lengths = []

    def encode_documents(self, texts, on_progress=None):
        if len(self.lengths) == self.after - 1:
            raise KeyboardInterrupt
        self.lengths.append(len(texts))
        return np.array([[float(text.split()[1])] for text in texts], dtype=np.float32)
