from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest

from embedtune.formats.beir import read_passages
from embedtune.serving.embedder import Embedder
from embedtune.serving.windows import load_rows


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
    rows = {which: load_rows(run, which, precision="fp32") for which in ("base", "tuned", "shipped")}
    assert len(list((run / ".vectors").glob("*.npy"))) == 1
    vectors = Embedder.from_run(run).encode_documents([row.text for row in rows["tuned"]])
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
