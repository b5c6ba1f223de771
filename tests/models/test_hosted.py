import numpy as np
import pytest

from embedtune.errors import IntegrityError, ProviderError, ResourceError
from embedtune.models.hosted import EmbeddingCache


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
