"""A new kind of system is one registration: it is evaluated, reported, compared, shown and served."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from embedtune import systems
from embedtune.formats.run_files import ranked, read_run
from embedtune.retrieval.fusion import z_scores
from embedtune.serving.comparison import compare
from embedtune.serving.retriever import Retriever
from embedtune.serving.run_index import RunIndex
from embedtune.systems import TUNED, Kind, register
from embedtune.ui.evaluations import read_evaluations
from embedtune.ui.run_comparison import RunComparison
from embedtune.ui.views import pairs
from tests.served_runs import QUERIES

NAMES = ["best_base", "best_tuned"]


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setattr(systems, "_KINDS", dict(systems._KINDS))
    register(
        Kind(
            "best",
            "{model} or BM25, whichever is surer",
            lambda scores: np.maximum(z_scores(scores.dense), z_scores(scores.lexical)),
            builds_on="dense",
            over_base=(TUNED,),
            sliced=True,
            colours={TUNED: 7},
        )
    )


@pytest.mark.usefixtures("toy")
def test_a_registered_kind_is_found_everywhere(served_run, tmp_path, invoke):
    run = shutil.copytree(served_run("linear"), tmp_path / "run", ignore=shutil.ignore_patterns(".lock*"))
    code, table, _ = invoke("eval", run, "--set", "eval.precision=fp32", "--set", "eval.rerank=0")
    assert code == 0
    assert [line.split()[0] for line in table.splitlines() if line.strip().startswith("best_")][:2] == NAMES
    metrics = json.loads((run / "eval" / "metrics.json").read_text())
    assert list(metrics["systems"])[-2:] == NAMES
    compared = {(row["a"], row["b"]) for row in metrics["comparisons"]}
    assert compared >= {("best_base", "base"), ("best_tuned", "tuned"), ("best_tuned", "best_base")}
    assert ("best_tuned", "best_base") in systems.sliced_pairs(metrics["systems"])
    for name in ("report.html", "report.md", "model_card.md"):
        assert "best_tuned" in (run / "eval" / name).read_text()
    assert "best_tuned" in json.loads((run / "eval" / "report.json").read_text())["hit_rate"]["systems"]

    opened = RunIndex(run)
    assert opened.systems[-2:] == NAMES
    assert list(compare(opened, QUERIES[0], systems=NAMES).systems) == ["base", *NAMES]
    code, grid, _ = invoke("compare", run, QUERIES[0], "--system", "best_tuned")
    assert code == 0
    assert "best_tuned" in grid
    assert set(NAMES) <= RunComparison([run]).lists(QUERIES[0], 3).keys()
    (evaluation,) = read_evaluations(run).values()
    assert ("best_tuned", "best_base") in pairs(evaluation)

    recorded = read_run(run / "eval" / "best_tuned.run.trec")
    served = Retriever(opened, "best_tuned").retrieve_batch(QUERIES, 10)
    for number, hits in enumerate(served):
        expected = ranked(recorded[f"q{number}"])[:10]
        assert [hit.passage.passage_id for hit in hits] == [name for name, _ in expected]
    assert Retriever.from_run(run, "best_base").retrieve(QUERIES[0], 1)[0].parts.dense is not None
