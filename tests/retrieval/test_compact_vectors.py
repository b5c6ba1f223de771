"""Vectors of fewer bits find nearly what whole ones find, and with rescoring what is among the candidates in the right order."""

from __future__ import annotations

import numpy as np
import pytest

from embedtune.errors import ConfigError
from embedtune.retrieval.compact_vectors import in_form, rounded_to_int8, search_compact, shortened


@pytest.fixture(scope="module")
def vectors():
    """Return queries and documents around a common direction, as embedders' are, with components of very different spread."""
    draw = np.random.default_rng(0)
    spread = draw.lognormal(sigma=1, size=128)
    documents = draw.normal(size=(2000, 128)) * spread + 0.8 * draw.normal(size=128) * spread
    queries = documents[:300] + 0.6 * draw.normal(size=(300, 128)) * spread
    return tuple(
        (each / np.linalg.norm(each, axis=1, keepdims=True)).astype(np.float32) for each in (queries, documents)
    )


def tens(queries, documents):
    return np.argsort(-(queries @ documents.T), axis=1)[:, :10]


def overlap(found, wanted):
    return np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.tolist(), wanted.tolist(), strict=True)])


def test_eight_bits_find_what_whole_vectors_find_without_rescoring(vectors):
    queries, documents = vectors
    scores, numbers = search_compact(queries, documents, "int8", depth=10, rescored=False)
    assert overlap(numbers, tens(queries, documents)) > 0.97
    exact = np.take_along_axis(queries @ documents.T, numbers, axis=1)
    assert np.abs(scores - exact).max() < 0.01


def test_rescoring_gives_bits_the_order_of_whole_vectors(vectors):
    queries, documents = vectors
    plain = search_compact(queries, documents, "binary", depth=10, rescored=False)[1]
    scores, numbers = search_compact(queries, documents, "binary", depth=200, rescored=True)
    assert scores == pytest.approx(np.take_along_axis(queries @ documents.T, numbers, axis=1), abs=1e-5)
    assert (np.diff(scores, axis=1) <= 0).all()
    wanted = tens(queries, documents)
    assert overlap(numbers[:, :10], wanted) > overlap(plain, wanted)


def test_a_component_is_off_by_half_a_step_at_most(vectors):
    documents = np.hstack([vectors[1], 1 + 0.001 * vectors[1], np.zeros((2000, 1), dtype=np.float32)])
    kept = rounded_to_int8(documents)
    assert (np.abs(kept - documents) <= np.ptp(documents, axis=0) / 510 + 1e-6).all()


def test_shortened_vectors_have_unit_length(vectors):
    kept = shortened(vectors[1], 16)
    assert kept.shape == (2000, 16)
    assert np.linalg.norm(kept, axis=1) == pytest.approx(1, abs=1e-5)


def test_more_than_all_documents_are_all(vectors):
    assert search_compact(vectors[0][:2], vectors[1][:5], "int8", depth=10, rescored=True)[1].shape == (2, 5)


@pytest.mark.parametrize(("form", "least"), [("int8", 0.97), ("binary", 0.2), ("64", 0.2), ("128", 1.0)])
def test_a_form_ranks_nearly_as_whole_vectors_do(vectors, form, least):
    wanted = tens(*vectors)
    assert overlap(tens(*in_form(form, *vectors)), wanted) >= least


def test_more_dimensions_than_there_are_is_refused(vectors):
    with pytest.raises(ConfigError, match=r"eval\.vectors: expected at most 128 dimensions, found 129"):
        in_form("129", *vectors)
