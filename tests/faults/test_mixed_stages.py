"""Stages of different runs in one folder: what measures refuses them, what serves goes on and says so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import embedtune
from embedtune.serving.embedder import Embedder
from embedtune.serving.retriever import Retriever
from embedtune.snippets.routes import read_facts

Invoke = Callable[..., tuple[int, str, str]]


@pytest.fixture
def mixed(small_run: tuple[Path, Path], document_folder: Path, tmp_path: Path) -> Path:
    """Return a run whose dataset was made anew, with another seed, after it was trained and evaluated."""
    run = Path(shutil.copytree(small_run[0], tmp_path / "run"))
    embedtune.evaluate(embedtune.EvaluateConfig(precision="fp32"), run)
    split = {"train": 0.2, "dev": 0.1, "test": 0.7}
    made = {"source": str(document_folder), "model": str(small_run[1]), "window_tokens": 48, "split": split}
    embedtune.generate(embedtune.GenerateConfig(**made, seed=1), run)
    return run


def test_what_measures_refuses_and_says_what_to_do(mixed: Path, invoke: Invoke) -> None:
    for more in ([], ["--force"], ["--dry-run"]):
        code, _, said = invoke("eval", mixed, *more)
        assert (code, "embedtune train" in said, "stale" in said) == (7, True, True)
    code, _, said = invoke("verify", mixed)
    assert code == 7
    assert "model of an earlier dataset" in said


def test_own_queries_are_measured_with_a_word(mixed: Path, invoke: Invoke, tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "qrels").mkdir(parents=True)
    rows = [json.loads(line) for line in (mixed / "dataset" / "corpus.jsonl").read_text(encoding="utf-8").splitlines()]
    (own / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "how is it cleaned"}) + "\n", encoding="utf-8")
    (own / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\nq\t{rows[0]['_id']}\t1\n", encoding="utf-8")
    code, _, said = invoke("eval", mixed, "--queries", own, "-q")
    assert (code, "stale" in said) == (0, True)


def test_what_serves_goes_on_and_says_stale_each_time(mixed: Path, invoke: Invoke, tmp_path: Path) -> None:
    for words in (
        ("compare", mixed, "how is it cleaned"),
        ("plug", mixed, "--for", "sentence-transformers"),
        ("export-model", mixed, tmp_path / "copy"),
        ("status", mixed),
    ):
        code, out, said = invoke(*words)
        assert (code, "stale" in out + said or "made anew" in out + said) == (0, True), words
    assert Retriever.from_run(mixed).retrieve("how is it cleaned")


def test_a_stale_model_keeps_its_own_prompts_window_and_base(
    small_run: tuple[Path, Path], document_folder: Path, tmp_path: Path, invoke: Invoke
) -> None:
    run = Path(shutil.copytree(small_run[0], tmp_path / "run"))
    embedtune.train(embedtune.TrainConfig(method="pca"), run)
    embedtune.evaluate(embedtune.EvaluateConfig(precision="fp32"), run)
    texts, passage = ["how is it cleaned"], "Clean the filter. " * 40
    before = Embedder.from_run(run), Embedder.from_run(run, "base")
    expected = [(each.encode_queries(texts), each.encode_documents([passage]), each.window_tokens) for each in before]
    other = Path(shutil.copytree(small_run[1], tmp_path / "another-base"))
    made = {"source": str(document_folder), "model": str(other), "window_tokens": 32}
    embedtune.generate(embedtune.GenerateConfig(**made, query_prompt="query: ", document_prompt="passage: "), run)
    shutil.rmtree(other)  # what serves has no need of the new base
    for which, (queries, documents, window) in zip(("auto", "base"), expected, strict=True):
        embedder = Embedder.from_run(run, which)
        assert embedder.query_prompt == ""
        assert embedder.window_tokens == window
        assert (embedder.encode_queries(texts) == queries).all()
        assert (embedder.encode_documents([passage]) == documents).all()
    assert read_facts(run).window_tokens == expected[0][2]
    assert invoke("compare", run, "how is it cleaned")[0] == 0
