"""Generators of queries compared by the lift they give, not by the look of their queries.

    python -m benchmarks.generators RUN RUN … --queries SET --seeds 3

Each RUN holds a dataset that one generator made (``embedtune generate``) from the same documents. Each is trained with the same
settings and measured on the same queries, which should be people's own. Runs are not touched: cells lie in
benchmarks/cache/generators and are resumed. The table is written to benchmarks/generators.md and .json.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import embedtune
from benchmarks.tables import CACHE, MACHINE, header, parser, row, spread, write_table
from embedtune.errors import DataError
from embedtune.project.manifest import read_manifest, verify
from embedtune.project.records import DatasetRecord

CELLS = CACHE / "generators"
MEASURE = "ndcg@10"


def cell(run: Path, queries: str, seed: int) -> dict[str, Any]:
    """Train on a run's dataset and measure; return base, tuned and what was shipped."""
    manifest = verify(run / "dataset", DatasetRecord)
    out = CELLS / f"{manifest.manifest_hash[:12]}-{seed}"
    if not (out / "dataset").exists():
        out.mkdir(parents=True, exist_ok=True)
        shutil.copytree(run / "dataset", out / "dataset-part", dirs_exist_ok=True)
        (out / "dataset-part").rename(out / "dataset")
    embedtune.train(embedtune.TrainConfig(seed=seed), out)
    results = embedtune.evaluate(embedtune.EvaluateConfig(queries=(queries,)), out).record.only
    systems = results.systems
    return {
        "shipped": results.shipped,
        "base": systems["base"][MEASURE],
        "tuned": systems.get("tuned", systems["base"])[MEASURE],  # where the base was shipped, it is what the user gets
        "n_queries": results.n_queries,
    }


def about(run: Path) -> dict[str, Any]:
    """Return what made a dataset, how much of it was kept, and what it cost."""
    manifest = read_manifest(run / "dataset", DatasetRecord)
    record, costs = manifest.record, manifest.circumstances.llm
    return {
        "generator": record.llm.model if record.llm else manifest.identity.config["generator"],
        "run": run.name,
        "train_queries": sum(record.queries["train"].values()),
        "dropped": sum(record.dropped_queries.values()),
        "cost": costs and costs.cost,
    }


def check_same_corpus(runs: Sequence[Path]) -> None:
    """Refuse datasets over different passages: their gains could not be compared."""
    hashes = {run: verify(run / "dataset", DatasetRecord).outputs["corpus.jsonl"] for run in runs}
    if other := next((run for run in runs if hashes[run] != hashes[runs[0]]), None):
        raise DataError(
            f"{other}: expected the passages of {runs[0]}, found others",
            hint="generate both from the same documents with the same model and window",
        )


def main() -> None:
    options = parser(__doc__)
    options.add_argument("runs", type=Path, nargs="+")
    options.add_argument("--queries", required=True, help="BEIR folder, LlamaIndex JSON or packaged set")
    options.add_argument("--seeds", type=int, default=3)
    arguments = options.parse_args()
    started = time.time()
    check_same_corpus(arguments.runs)
    result = {
        "measure": MEASURE,
        "queries": arguments.queries,
        "generators": [
            {**about(run), "cells": [cell(run, arguments.queries, seed) for seed in range(arguments.seeds)]}
            for run in arguments.runs
        ],
    }
    result["seconds"] = round(time.time() - started)
    print(write_table("generators", result, table(result)))


def table(result: Mapping[str, Any]) -> list[str]:
    columns = ("training queries", "dropped", "cost", f"{MEASURE} untuned", "tuned", "lift in points", "shipped")
    rows = []
    for each in result["generators"]:
        cells = each["cells"]
        lifts = [100 * (cell["tuned"] - cell["base"]) for cell in cells]
        cost = "" if each["cost"] is None else f"{each['cost']:.2f}"
        tuned = statistics.mean(cell["tuned"] for cell in cells)
        shipped = f"{sum(cell['shipped'] == 'tuned' for cell in cells)} of {len(cells)}"
        figures = (cost, f"{cells[0]['base']:.3f}", f"{tuned:.3f}", spread(lifts, 1, "+"), shipped)
        line = row(each["generator"], each["run"], each["train_queries"], each["dropped"], *figures)
        rows.append((-statistics.mean(lifts), line))
    lines = header("generator", "run", *columns) + [line for _, line in sorted(rows, key=lambda pair: pair[0])]
    n_queries = result["generators"][0]["cells"][0]["n_queries"]
    return [*lines, "", f"{n_queries} queries; {MACHINE}; {result['seconds']} s."]


if __name__ == "__main__":
    main()
