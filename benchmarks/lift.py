"""What tuning without any LLM gains on queries that people wrote.

    python -m benchmarks.lift COLLECTION… [--seeds 3] [--only NAME:SEED …] [--methods pca linear hybrid-vector]

Each COLLECTION is a BEIR folder with test judgements. A cell is a collection and a seed: queries are generated from the
passages alone, ``auto`` selects a method on generated dev queries, and the test queries are read once, by eval. Cells live in
benchmarks/cache/lift and are resumed; all cells that are done are in benchmarks/lift.md and lift.json.
"""

from __future__ import annotations

import csv
import shutil
import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil

import embedtune
from benchmarks.tables import CACHE, MACHINE, header, parser, read_json, row, spread, write_table
from embedtune.evaluation.significance import average_seeds, compare
from embedtune.project.layout import VECTORS
from embedtune.project.manifest import write_json
from embedtune.systems import TUNED, System, systems_of_run

CELLS = CACHE / "lift"
MEASURE = "ndcg@10"
SYSTEMS = [str(system) for system in systems_of_run() if system.model != "base_quantized"]
UNTUNED = {
    name: str(System.parse(name).reference) for name in SYSTEMS if System.parse(name).model in (TUNED, "base_pca")
}
"""What a user gets where the gate keeps the base."""

PAIRS = (
    ("tuned", "base"),
    ("hybrid_tuned", "hybrid_base"),
    ("rerank_base", "hybrid_base"),
    ("rerank_tuned", "hybrid_base"),
    ("rerank_tuned", "rerank_base"),
)
"""System and reference that are tested."""


def run_cell(collection: Path, seed: int, auto_methods: Sequence[str]) -> None:
    """Draw, train and evaluate one cell, unless it is done."""
    out = CELLS / f"{collection.name}-{seed}"
    if (out / "cell.json").is_file():
        return
    _share_vectors(collection.name, out)
    started = time.time()
    embedtune.generate(embedtune.GenerateConfig(source=str(collection), queries_from="generate", seed=seed), out)
    config = embedtune.TrainConfig(method="auto", auto_methods=tuple(auto_methods), seed=seed)
    model = embedtune.train(config, out).record
    trained = time.time()
    results = embedtune.evaluate(embedtune.EvaluateConfig(queries=(str(collection),), seed=seed), out).record.only
    cell = {
        "collection": collection.name,
        "seed": seed,
        "n_queries": results.n_queries,
        "shipped": model.method if model.is_tuned else "base",
        "strength": model.strength,
        "candidates": [tried.model_dump(include={"method", "gain", "standard_error"}) for tried in model.candidates],
        "fusion_weights": model.fusion_weights,
        "verdict": results.verdict.decision,
        "systems": results.systems,
        "seconds": {"until_trained": round(trained - started), "eval": round(time.time() - trained)},
        "peak_mib": psutil.Process().memory_info().rss >> 20,
    }
    write_json(out / "cell.json", cell)


def _share_vectors(name: str, out: Path) -> None:
    """Take the base's passage vectors from another seed of the collection; they do not depend on it."""
    for other in sorted(CELLS.glob(f"{name}-*/{VECTORS}")):
        if other.parent != out and not (out / VECTORS).exists():
            shutil.copytree(other, out / VECTORS)


def read_cells() -> dict[str, list[dict[str, Any]]]:
    """Return the finished cells by collection, in order of seed."""
    cells: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(CELLS.glob("*/cell.json")):
        cell = read_json(path)
        cells.setdefault(cell["collection"], []).append(cell)
    return cells


def value(cell: Mapping[str, Any], system: str) -> float:
    """Return what a user gets from a system: that of the base where nothing was tuned."""
    systems = cell["systems"]
    score: float = systems.get(system, systems[UNTUNED.get(system, system)])[MEASURE]
    return score


def per_query(name: str, seed: int) -> dict[str, dict[str, float]]:
    """Return system → query → score of one cell."""
    scores: dict[str, dict[str, float]] = {}
    with (CELLS / f"{name}-{seed}" / "eval" / "per_query.tsv").open(encoding="utf-8", newline="") as file:
        for each in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            scores.setdefault(each["system"], {})[each["query-id"]] = float(each[MEASURE])
    return scores


def test_gain(name: str, seeds: Sequence[int], system: str, reference: str) -> dict[str, float]:
    """Compare a system with another, both averaged over seeds: paired, by query."""
    averaged: dict[str, list[Any]] = {system: [], reference: []}
    for seed in seeds:
        scores = per_query(name, seed)
        queries = list(scores["base"])
        for each, rows in averaged.items():
            of_system = scores.get(each) or scores[UNTUNED[each]]
            rows.append(np.array([of_system[query] for query in queries]))
    means = {key: {MEASURE: average_seeds(values)} for key, values in averaged.items()}
    gain = compare(means, [(system, reference)], None, seed=0)[system, reference][MEASURE]
    return {name: getattr(gain, name) for name in ("difference", "low", "high", "p")}


def write_report() -> str:
    """Write lift.json and lift.md from all finished cells, and return the latter."""
    cells = read_cells()
    tests = {
        name: {
            f"{system} over {reference}": test_gain(name, [cell["seed"] for cell in of_name], system, reference)
            for system, reference in PAIRS
        }
        for name, of_name in cells.items()
    }
    means = {
        name: {system: {MEASURE: statistics.mean(value(cell, system) for cell in of_name)} for system in SYSTEMS}
        for name, of_name in cells.items()
    }
    all_cells = [cell for of_name in cells.values() for cell in of_name]
    result = {"measure": MEASURE, "collections": means, "tests": tests, "cells": all_cells}
    return write_table("lift", result, _table(cells, tests))


def _table(cells: Mapping[str, list[dict[str, Any]]], tests: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = header("nDCG@10", *cells, "mean")
    for system in SYSTEMS:
        values = [[value(cell, system) for cell in of_name] for of_name in cells.values()]
        lines.append(row(system, *map(spread, values), f"{statistics.mean(map(statistics.mean, values)):.3f}"))
    for pair in (f"{system} over {reference}" for system, reference in PAIRS):
        gains = [tests[name][pair] for name in cells]
        mean = statistics.mean(gain["difference"] for gain in gains)
        points = [f"{100 * gain['difference']:+.1f} (p {gain['p']:.2g})" for gain in gains]
        lines.append(row(f"{pair}, points", *points, f"{100 * mean:+.1f}"))
    for label, summary in {
        "shipped, by seed": lambda cell: cell["shipped"],
        "seconds to generate and train": lambda cell: cell["seconds"]["until_trained"],
        "seconds to search and rerank all": lambda cell: cell["seconds"]["eval"],
    }.items():
        columns = [[summary(cell) for cell in of_name] for of_name in cells.values()]
        lines.append(row(label, *(spread(each, 0) if "seconds" in label else ", ".join(each) for each in columns), ""))
    memory = (max(cell["peak_mib"] for cell in of_name) for of_name in cells.values())
    lines.append(row("memory at the end, MiB", *(f"{peak:,}" for peak in memory), ""))
    seeds = ", ".join(f"{name} {len(of_name)}" for name, of_name in cells.items())
    lines += [
        "",
        f"Human test queries, read once; mean ± standard deviation over seeds ({seeds}); p of the paired test over queries, "
        f"scores averaged over seeds. The first seed of a collection encodes its passages, the others read them. "
        f"all-MiniLM-L6-v2, no LLM; {MACHINE}.",
    ]
    return lines


def main() -> None:
    options = parser(__doc__)
    options.add_argument("collections", type=Path, nargs="*")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--only", nargs="*", default=(), help="cells as NAME:SEED")
    options.add_argument("--methods", nargs="+", default=["pca", "linear", "hybrid-vector"])
    arguments = options.parse_args()
    for seed in range(arguments.seeds):
        for collection in arguments.collections:
            if not arguments.only or f"{collection.name}:{seed}" in arguments.only:
                run_cell(collection, seed, arguments.methods)
                write_report()
    print(write_report())


if __name__ == "__main__":
    main()
