"""The tables of benchmarks/labels.py: what each row found, what is best of its kind, and the learning curve."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers import PEERS
from benchmarks.tables import MACHINE, header, read_json, row, spread, write_table
from embedtune.evaluation.significance import average_seeds, compare
from embedtune.retrieval.fusion import DEFAULT_WEIGHT

MEASURE = "ndcg@10"
OURS = ("full", "lora", "query-lora", "auto")
ROWS = ("base", *OURS, *PEERS)
SYSTEMS = ("dense", "bm25", "hybrid", "hybrid_dev", "rerank")
PAIRS = (("ours", "base"), ("ours", "best_peer"), ("best_shipped", "best_untuned"))
"""What is tested."""


def means_of(scores: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return system → mean over queries, of those that have queries."""
    return {system: statistics.mean(values.values()) for system, values in scores.items() if values}


def by_variant(found: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, list[Mapping[str, Any]]]]:
    """Return variant → collection → finished cells; peers' time is a variant of its own, with base and ours in each."""
    cells: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for cell in found:
        labels = f"{cell['labels']} labels" if cell["labels"] else "all labels"
        others = {each["time_of"] for each in found if each["row"] in PEERS and each["labels"] == cell["labels"]}
        for time_of in [cell["time_of"]] if cell["row"] in PEERS else (others or {None}):
            variant = f"{labels}, peers in the time of {time_of}" if time_of else labels
            cells.setdefault(variant, {}).setdefault(cell["collection"], []).append(cell)
    return {name: cells[name] for name in sorted(cells, key=lambda name: (name[0] != "a", len(name), name))}


def choose_on_dev(cells: Sequence[Mapping[str, Any]], rows: Sequence[str], systems: Sequence[str] | None = None) -> Any:
    """Return query → test score, averaged over seeds, of the system of these rows that is best on each seed's dev queries."""
    best: dict[int, tuple[float, Mapping[str, float]]] = {}
    for cell in (cell for cell in cells if cell["row"] in rows):
        for system in systems or cell["dev"]:
            if cell["dev"][system] > best.get(cell["seed"], (-1.0, {}))[0]:
                best[cell["seed"]] = cell["dev"][system], cell["test"][system]
    return _average([scores for _, scores in best.values()])


def _average(scores: Sequence[Mapping[str, float]]) -> dict[str, float] | None:
    if not scores:
        return None
    values = average_seeds([np.array(list(each.values())) for each in scores])
    return dict(zip(scores[0], values.tolist(), strict=True))


def summarise(cells: Sequence[Mapping[str, Any]]) -> tuple[dict[str, float], dict[str, Any]]:
    """Return what the bars are about, and the tests of ``PAIRS``, paired by query, scores averaged over seeds."""
    peers = [_average([cell["test"]["dense"] for cell in cells if cell["row"] == name]) for name in PEERS]
    chosen = {
        "base": choose_on_dev(cells, ["base"], ["dense"]),
        "ours": choose_on_dev(cells, OURS, ["dense"]),
        "best_peer": max(filter(None, peers), key=lambda scores: sum(scores.values()), default=None),
        "best_untuned": choose_on_dev(cells, ["base"]),
        "best_shipped": choose_on_dev(cells, OURS),
    }
    scores = {name: {MEASURE: np.array(list(values.values()))} for name, values in chosen.items() if values}
    pairs = [pair for pair in PAIRS if set(pair) <= scores.keys()]
    gains = {pair: by_measure[MEASURE] for pair, by_measure in compare(scores, pairs, None, seed=0).items()}
    kept = {"difference", "ci95", "p", "better", "worse"}
    tests = {f"{pair[0]} over {pair[1]}": gain.model_dump(mode="json", include=kept) for pair, gain in gains.items()}
    return {name: round(float(values[MEASURE].mean()), 4) for name, values in scores.items()}, tests


def write_report(folder: Path) -> str:
    """Write labels.json and labels.md from all finished cells in a folder, and return the latter."""
    found = [read_json(path) for path in sorted(folder.glob("*/*.json"))]
    variants = by_variant(found)
    means: dict[str, dict[str, dict[str, float]]] = {name: {} for name in variants}
    tests: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in variants}
    lines = []
    for name, of_variant in variants.items():
        for collection, cells in of_variant.items():
            means[name][collection], tests[name][collection] = summarise(cells)
        lines += _table(name, of_variant, tests[name])
    kept = [{**cell, "test": means_of(cell["test"])} for cell in found]
    first = next(iter(variants), "")
    result = {
        "measure": MEASURE, "collections": means.get(first, {}), "tests": tests.get(first, {}), "variants": means,
        "tests_of_variants": tests, "cells": kept,
    }  # fmt: skip
    return write_table("labels", result, [*_curve(means), *lines, *_notes(kept)])


def _table(
    variant: str,
    cells: Mapping[str, Sequence[Mapping[str, Any]]],
    tests: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> list[str]:
    def of(name: str, key: str) -> list[list[Any]]:
        return [[cell[key] for cell in of_name if cell["row"] == name] for of_name in cells.values()]

    rows = [name for name in ROWS if any(of(name, "row"))]
    lines = ["", f"## {variant}", "", *header("nDCG@10", *cells, "mean")]
    for system, name in ((system, name) for system in SYSTEMS for name in rows):
        values = [[100 * means_of(each)[system] for each in tests if system in each] for tests in of(name, "test")]
        if any(values):
            mean = f"{statistics.mean(map(statistics.mean, values)):.1f}" if all(values) else ""
            lines.append(row(f"{name}, {system}", *(spread(each, 1) for each in values), mean))
    for pair in (f"{system} over {reference}" for system, reference in PAIRS):
        gains = [tests[name][pair] for name in cells if pair in tests[name]]
        texts = [f"{100 * gain['difference']:+.1f} (p {gain['p']:.2g})" for gain in gains]
        if len(gains) == len(cells):
            mean = f"{100 * statistics.mean(gain['difference'] for gain in gains):+.1f}"
            lines.append(row(f"**{pair}**", *texts, mean))
    lines += ["", *header("seconds; of processor; MiB; steps", *cells)]
    for name in rows[1:]:
        costs = zip(*(of(name, key) for key in ("seconds", "processor_seconds", "peak_mib", "steps")), strict=True)
        texts = [
            f"{spread(s, 0)}; {spread(processor, 0)}; {max(peak, default=0):,}; {spread(steps, 0)}"
            for s, processor, peak, steps in costs
        ]
        lines.append(row(name, *texts))
    return lines


def _curve(means: Mapping[str, Mapping[str, Mapping[str, float]]]) -> list[str]:
    """Return the learning curve: means over the collections that have all figures."""
    names = ("base", "ours", "best_peer", "best_untuned", "best_shipped")
    lines = header("mean nDCG@10", *names, "collections")
    for variant, of_variant in means.items():
        whole = {name: values for name, values in of_variant.items() if len(values) == len(names)}
        columns = [
            f"{100 * statistics.mean(each[key] for each in whole.values()):.1f}" if whole else "–" for key in names
        ]
        lines.append(row(variant, *columns, ", ".join(whole)))
    return lines


def _notes(cells: Sequence[Mapping[str, Any]]) -> list[str]:
    splits = ", ".join(sorted({f"{cell['collection']} ({cell['split']})" for cell in cells}))
    return [
        "",
        f"nDCG@10 in points, of people's test queries, read once by each cell; mean ± standard deviation over the seeds. "
        f"Labels: {splits}. ours, best_untuned and best_shipped are chosen on dev, by seed; the best peer on test. Hybrid "
        f"weights: {DEFAULT_WEIGHT} for base and peers; hybrid_dev and ours have that of dev. p of the paired test over "
        f"queries, scores averaged over seeds. Seconds are those of training, without encoding by the base and peers' mining; "
        f"MiB: peak of resident memory in them; {MACHINE}.",
    ]
