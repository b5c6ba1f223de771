from __future__ import annotations

import json

import numpy as np
import pytest

from embedtune.config.index_form import IndexForm
from embedtune.errors import ConfigError, IntegrityError
from embedtune.project.vector_cache import VectorCache
from embedtune.retrieval.approximate_index import RECALL, build_index, check_index, kept_index, open_index
from embedtune.retrieval.searcher import PassageVectors
from embedtune.retrieval.windows import Windows


@pytest.fixture(scope="module")
def vectors():
    drawn = np.random.default_rng(0).normal(size=(3000, 32)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


@pytest.fixture
def opened(vectors, tmp_path):
    def build(name):
        form = IndexForm.parse(name)
        facts = build_index(form, vectors, tmp_path / "index")
        return open_index(form, tmp_path / "index", vectors, facts["parameters"])

    return build


def overlap(found, wanted):
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found.tolist(), wanted.tolist(), strict=True)])


@pytest.mark.parametrize(
    ("name", "least", "share"),
    [("ivf16,sq8", 0.9, 0.35), ("hnsw16", 0.97, 2.2), ("hnsw16_sq8", 0.9, 1.5), ("ivf16,pq8x4,nprobe=16", 0.1, 0.2)],
)
def test_an_index_finds_most_of_what_an_exact_search_finds_in_fewer_bytes(opened, vectors, name, least, share):
    index, wanted = opened(name), np.argsort(-(vectors[:100] @ vectors.T), axis=1)[:, :10]
    found = index.search(vectors[:100], 10)[1]
    assert least <= overlap(found, wanted) <= 1
    assert index.n_bytes < share * vectors.nbytes


def test_rescored_candidates_have_their_own_cosines_in_order(opened, vectors):
    queries = vectors[:50]
    wanted = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    plain, rescored = (opened(f"ivf16,pq8x4,nprobe=16{more}").search(queries, 10) for more in ("", ",rflat"))
    assert overlap(rescored[1], wanted) > overlap(plain[1], wanted) + 0.2
    assert rescored[0] == pytest.approx(np.take_along_axis(queries @ vectors.T, rescored[1], axis=1), abs=1e-6)
    assert (np.diff(rescored[0], axis=1) <= 0).all()


def nearest_others(vectors, numbers):
    cosines = vectors[numbers] @ vectors.T
    cosines[range(len(numbers)), numbers] = -1
    return np.argsort(-cosines, axis=1)[:, :10]


@pytest.mark.parametrize("name", ["ivf32,flat", "ivf32,sq8,rflat"])
def test_a_search_sees_no_more_than_it_needs_to_find_nearly_all(vectors, tmp_path, name):
    form = IndexForm.parse(name)
    facts = build_index(form, vectors, tmp_path / "index")
    ((parameter, effort),) = facts["parameters"].items()
    assert 1 < effort <= form.effort[2]
    assert RECALL <= facts["recall"] <= 1
    asked, recall = np.arange(0, 3000, 6), {}
    for each in (effort, effort // 2):
        found = open_index(form._replace(parameters={parameter: each}), tmp_path / "index", vectors)
        others = [row[row != own][:10] for own, row in zip(asked, found.search(vectors[asked], 11)[1], strict=True)]
        recall[each] = overlap(np.array(others), nearest_others(vectors, asked))
    assert recall[effort] == pytest.approx(facts["recall"], abs=0.02)  # of other vectors than it was measured with
    assert recall[effort // 2] < RECALL


def test_what_keeps_too_little_of_the_vectors_is_not_searched_in_vain(vectors, tmp_path):
    facts = build_index(IndexForm.parse("ivf32,pq8x4"), vectors, tmp_path / "index")
    assert facts["recall"] < RECALL
    every = open_index(IndexForm.parse("ivf32,pq8x4,nprobe=32"), tmp_path / "index", vectors)
    assert every.parameters == {"nprobe": 32}  # what is given wins
    assert facts["parameters"]["nprobe"] < 32


def test_an_index_is_built_once_and_says_how_it_is_searched(vectors, tmp_path, caplog):
    caplog.set_level("INFO", "embedtune")
    cache = VectorCache(tmp_path)
    first = kept_index(IndexForm.parse("ivf16,flat"), cache, "model", "passages", vectors)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = kept_index(IndexForm.parse("ivf16,flat"), cache, "model", "passages", vectors)
    fixed = kept_index(IndexForm.parse("ivf16,flat,nprobe=3"), cache, "model", "passages", vectors)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == files
    assert again.parameters == first.parameters
    assert fixed.parameters == {"nprobe": 3}
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert f"index ivf16,flat: nprobe={first.parameters['nprobe']}, by which it finds" in said[0]


@pytest.mark.parametrize("name", ["ivf64,flat,nprobe=1", "ivf64,flat,nprobe=1,rflat"])
def test_what_an_index_does_not_find_has_no_score(opened, vectors, name):
    searched = PassageVectors(vectors, Windows([], np.arange(len(vectors))), opened(name))
    scores = searched.scores(vectors[:5], 3000)
    found = scores > -np.inf
    assert (found.sum(axis=1) < 1000).all()
    assert found[range(5), range(5)].all()
    assert scores[found] == pytest.approx((vectors[:5] @ vectors.T)[found], abs=1e-5)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ivf4096,sq8", r"expected 159,744 vectors to train ivf4096,sq8, found 3,000"),
        ("ivf16,pq5", r"expected an index of FAISS for 32 dimensions, found 'ivf16,pq5': .*multiple of"),
        ("ivf16", r"found 'ivf16': could not parse"),
    ],
)
def test_what_cannot_be_built_is_refused(vectors, tmp_path, name, message):
    with pytest.raises(ConfigError, match=message):
        check_index(IndexForm.parse(name), 32, 3000)
    with pytest.raises(ConfigError):
        build_index(IndexForm.parse(name), vectors, tmp_path / "index")
    assert not any(tmp_path.iterdir())


def test_a_disk_that_refuses_is_an_error_of_the_disk(vectors, tmp_path):
    with pytest.raises(OSError, match="no-folder"):
        build_index(IndexForm.parse("hnsw4"), vectors[:50], tmp_path / "no-folder" / "index")


def test_an_index_of_other_vectors_or_none_at_all_is_refused(vectors, tmp_path):
    form, path = IndexForm.parse("ivf16,sq8"), tmp_path / "index"
    build_index(form, vectors, path)
    for others in (vectors[:100], vectors[:, :16]):
        with pytest.raises(IntegrityError, match=r"found one of 3,000 vectors of 32 components"):
            open_index(form, path, others)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(IntegrityError, match=r"found one that FAISS cannot use") as refused:
        open_index(form, path, vectors)
    assert str(path) in refused.value.hint


@pytest.mark.parametrize("facts", [{}, {"parameters": 7}, {"parameters": {"nprobe": "all"}}, {"parameters": {"a": 1}}])
def test_an_index_whose_record_cannot_be_used_is_refused(vectors, tmp_path, facts):
    cache, form = VectorCache(tmp_path / ".vectors"), IndexForm.parse("ivf16,sq8")
    kept_index(form, cache, "model", "passages", vectors)
    (record,) = (tmp_path / ".vectors").glob("*.json")
    content = json.loads(record.read_text())
    record.write_text(json.dumps({**content, "facts": facts}))
    with pytest.raises(IntegrityError, match=r"expected an index of 3,000 vectors"):
        kept_index(form, cache, "model", "passages", vectors)
