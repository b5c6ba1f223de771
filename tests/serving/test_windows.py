from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest

from embedtune.errors import DataError
from embedtune.formats.beir import read_passages
from embedtune.serving.embedder import Embedder
from embedtune.serving.retriever import Retriever
from embedtune.serving.run_index import RunIndex
from embedtune.serving.windows import StoredVectors, load_rows
from tests.served_runs import QUERIES


@pytest.fixture
def run(served_run, tmp_path):
    return copy(served_run("lora", prompts=True), tmp_path)


def copy(run, folder):
    return shutil.copytree(run, folder / "run", ignore=shutil.ignore_patterns(".vectors", ".lock*"))


def test_rows_are_the_windows_of_all_passages_with_their_vectors(run):
    rows = load_rows(run, precision="fp32")
    passages = read_passages(run / "dataset")
    embedder = Embedder.from_run(run)
    windows = embedder.windows_of(passages)
    assert [row.text for row in rows] == [text for texts in windows for text in texts]
    assert max(map(len, windows)) > 1
    assert rows[1].window_id == f"{passages[0].passage_id}#1"
    assert {row.passage_id for row in rows} == {passage.passage_id for passage in passages}
    vectors = embedder.encode_documents([row.text for row in rows])
    assert np.abs(np.stack([row.vector for row in rows]) - vectors).max() < 1e-6


def test_vectors_are_kept_where_the_run_can_be_written(run):
    first = load_rows(run, precision="fp32")
    (kept,) = (run / ".vectors").glob("*.npy")
    changed = kept.stat().st_mtime_ns
    again = load_rows(run, precision="fp32")
    assert all(np.array_equal(a.vector, b.vector) for a, b in zip(first, again, strict=True))
    assert kept.stat().st_mtime_ns == changed


@pytest.mark.parametrize("prompts", [True, False])
@pytest.mark.parametrize("method", ["query-lora", "hybrid-vector"])
def test_what_tuning_left_as_it_was_is_encoded_once(served_run, tmp_path, method, prompts):
    run = copy(served_run(method, prompts=prompts), tmp_path)
    rows = {which: load_rows(run, which, precision="fp32") for which in ("base", "tuned")}
    assert len(list((run / ".vectors").glob("*.npy"))) == 1
    vectors = Embedder.from_run(run, "tuned").encode_documents([row.text for row in rows["tuned"]])
    assert np.abs(np.stack([row.vector for row in rows["tuned"]]) - vectors).max() < 1e-5


def test_a_run_that_another_process_works_in_is_read_all_the_same(run):
    code = (
        "import sys; from filelock import FileLock; lock = FileLock(sys.argv[1]);"
        "lock.acquire(); print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(run.resolve() / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        assert len(load_rows(run, precision="fp32")) > 100
        assert not (run / ".vectors").exists()
        other.stdin.close()


class Rows:
    """The smallest store there is."""

    def __init__(self, rows):
        self.ids = [row.passage_id for row in rows]
        self.matrix = np.stack([row.vector for row in rows])
        self.asked = []

    def search(self, vector, k):
        self.asked.append(k)
        scores = self.matrix @ vector
        return [(self.ids[n], float(scores[n])) for n in np.argsort(-scores)[:k]]


@pytest.fixture(scope="module")
def queries_run(served_run):
    return served_run("query-lora", prompts=True, evaluated=True)


@pytest.fixture(scope="module")
def store(queries_run):
    return Rows(load_rows(queries_run, "base", precision="fp32"))


@pytest.mark.parametrize(
    "system",
    ["base", "tuned", "hybrid_base", "hybrid_tuned", "rrf_base", "rrf_tuned", "rerank_base", "rerank_tuned"],
)
def test_a_store_of_the_base_gives_what_memory_gives(queries_run, store, system):
    expected = Retriever.from_run(queries_run, system).retrieve_batch(QUERIES[:12], 10)
    found = Retriever.from_run(queries_run, system, store=store).retrieve_batch(QUERIES[:12], 10)
    for mine, theirs in zip(found, expected, strict=True):
        assert [hit.passage for hit in mine] == [hit.passage for hit in theirs]
        # A random model's cosines lie close together: their z-scores multiply the last bits by about fifty.
        tolerance = 2e-4 if "rerank" in system else 1e-4 if "hybrid" in system else 1e-5
        assert [hit.score for hit in mine] == pytest.approx([hit.score for hit in theirs], abs=tolerance)
        if "rerank" not in system:
            assert [hit.parts for hit in mine] == [hit.parts for hit in theirs]
            continue
        # Below the best, where reranking looks too, they are so close that two can change places.
        assert [hit.parts.lexical for hit in mine] == [hit.parts.lexical for hit in theirs]
        assert all(abs(a.parts.dense - b.parts.dense) <= 1 for a, b in zip(mine, theirs, strict=True))


def test_a_reranking_retriever_over_a_store_loads_its_model_with_the_first_query(queries_run, store):
    retriever = Retriever.from_run(queries_run, "rerank_base", store=store)
    assert "encoder" not in vars(retriever.embedder)
    assert retriever.retrieve(QUERIES[0], 3)
    assert "encoder" in vars(retriever.embedder)


@pytest.mark.parametrize("system", ["hybrid_tuned", "rrf_tuned"])
def test_short_lists_are_near_to_it(queries_run, store, system):
    """Both sides cut to a third of the corpus: nine of ten of the first five stay."""
    question = ["clean the spray arm with warm water", "the old card is charged", "frost grows on the walls"]
    opened = RunIndex(queries_run, store=store, depth=44)
    whole = Retriever.from_run(queries_run, system).retrieve_batch(question, 5)
    short = Retriever(opened, system).retrieve_batch(question, 5)
    kept = [len({hit.passage for hit in a} & {hit.passage for hit in b}) / 5 for a, b in zip(whole, short, strict=True)]
    assert np.mean(kept) >= 0.9


def test_it_is_asked_deeper_until_there_are_enough_passages(store):
    ids = list(dict.fromkeys(store.ids))
    store.asked.clear()
    row = StoredVectors(store, ids).scores(store.matrix[:1], 5)[0]
    assert np.count_nonzero(row > -np.inf) >= 5
    assert store.asked == [5 * 2**n for n in range(len(store.asked))]
    whole = StoredVectors(store, ids).scores(store.matrix[:1], 10_000)[0]
    assert np.all(whole > -np.inf)


def test_a_passage_of_another_corpus_is_refused(store):
    with pytest.raises(DataError, match="expected passages of this run, found 'p-"):
        StoredVectors(store, ["p-other"]).scores(store.matrix[:1], 1)


def test_vectors_of_the_other_model_are_refused(served_run):
    queries_run = served_run("lora", evaluated=True)
    of_base, of_tuned = (Rows(load_rows(queries_run, which, precision="fp32")) for which in ("base", "tuned"))
    for system, store in (("base", of_base), ("tuned", of_tuned), ("hybrid_tuned", of_tuned)):
        assert Retriever.from_run(queries_run, system, store=store).retrieve(QUERIES[0], 3)
    with pytest.raises(DataError, match="expected passage vectors of the tuned model, found those of the base one"):
        Retriever.from_run(queries_run, "tuned", store=of_base).retrieve(QUERIES[0], 3)
    with pytest.raises(DataError, match="expected passage vectors of the base model"):
        Retriever.from_run(queries_run, "hybrid_base", store=of_tuned).retrieve(QUERIES[0], 3)
