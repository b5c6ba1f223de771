"""Hold the advice against the truth on six collections and print how often it was right.

    python -m benchmarks.advice FOLDER… [--only NAME …]

Each FOLDER is a BEIR folder with test judgements that people made. The advice sees its passages alone: queries are drawn from
them by rules. The truth is what the whole corpus and the people's test queries say of three options, by nDCG@10: the base, the
base fused with BM25, the base with a tuned query side. What tuning gains stands in benchmarks/lift.json; a collection that is
not there is tuned as there (seed 0). Cells live in benchmarks/cache/advice and are resumed; all that are done stand in
benchmarks/advice.md and advice.json.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import embedtune
from benchmarks import lift
from benchmarks.tables import CACHE, HERE, MACHINE, cached, header, parser, read_json, row, write_table
from embedtune.advise.advise import advise
from embedtune.documents.chunking import keep_whole
from embedtune.documents.reading import read_query_set, read_source
from embedtune.evaluation.measures import per_query
from embedtune.evaluation.runner import Model, Search
from embedtune.evaluation.significance import ALPHA, Comparison, compare
from embedtune.evaluation.verdict import MIN_GAIN
from embedtune.formats.judgements import share_judgements
from embedtune.models.encoder import choose_precision, load_encoder
from embedtune.models.locate import find_model

CELLS = CACHE / "advice"
SEED = 0
LADDER = ("pca", "linear", "query-lora")
OPTIONS = {"leave": "base", "use_fusion": "hybrid_base", "tune_query_side": "tuned"}
"""What may be advised about the way to search, cheapest first, and the system that stands for it."""


def run_cell(folder: Path) -> dict[str, Any]:
    """Ask for the advice and find out the truth of one collection."""
    started = time.time()
    advice = advise(embedtune.GenerateConfig(source=str(folder), seed=SEED))
    advised = time.time()
    truth, recommendation = find_truth(folder), advice.recommendation
    return {
        "collection": folder.name,
        "decision": recommendation.decision,
        "then": recommendation.then,
        "advised": way_to_search([recommendation.decision, *recommendation.then]),
        "advice": advice.model_dump(
            mode="json", by_alias=True, exclude={"source": True, "skipped": True, "recommendation": {"commands"}}
        ),
        "truth": truth,
        "seconds": {"advice": round(advised - started), "truth": round(time.time() - advised)},
    }


def way_to_search(steps: list[str]) -> str:
    """Return the first of the advised steps that is about the way to search; the size of chunks is no part of the truth."""
    return next((step for step in steps if step in OPTIONS), "leave")


def find_truth(folder: Path) -> dict[str, Any]:
    """Return the best option on the people's queries: another than the base only where it is shown to be a point better.

    Tuning is told by lift.json, or by a cell of ``benchmarks.lift`` where that lacks the collection. That file does not say
    whether fusion differs from the base by more than chance, so both are searched again, with the weight that was chosen there.
    """
    tuned, means, weight = _tuning(folder)
    fusion = _fusion(folder, weight)
    means |= {fusion.reference: fusion.reference_mean, fusion.system: fusion.mean}
    best = "use_fusion" if fusion.better and fusion.difference >= MIN_GAIN else "leave"
    is_better = tuned["low"] > 0 and tuned["p"] <= ALPHA
    if is_better and means["tuned"] - means[OPTIONS[best]] >= MIN_GAIN:
        best = "tune_query_side"
    return {
        "best": best,
        "means": {system: round(means[system], 4) for system in OPTIONS.values()},
        "fusion": {"difference": fusion.difference, "low": fusion.low, "high": fusion.high, "p": fusion.p},
        "tuned": tuned,
    }


def _tuning(folder: Path) -> tuple[dict[str, float], dict[str, float], float]:
    """Return the tuned query side against the base, the means of the systems, and the weight of the base in fusion."""
    recorded = read_json(HERE / "lift.json")
    name = folder.name
    cell = next((each for each in recorded["cells"] if (each["collection"], each["seed"]) == (name, SEED)), None)
    if cell:
        tuned = recorded["tests"][name]["tuned over base"]
    else:
        lift.run_cell(folder, SEED, LADDER)
        cell = read_json(lift.CELLS / f"{name}-{SEED}" / "cell.json")
        tuned = lift.test_gain(name, [SEED], "tuned", "base")
    return tuned, {"tuned": lift.value(cell, "tuned")}, cell["fusion_weights"]["base"]


def _fusion(folder: Path, weight: float) -> Comparison:
    """Search the whole collection with the base and with its fusion, as ``eval`` does, and compare them by query."""
    passages = list(keep_whole(read_source(str(folder)).documents))
    queries = share_judgements(read_query_set(folder), passages)
    settings = embedtune.GenerateConfig(source=str(folder))
    load = partial(load_encoder, find_model(settings.model), settings, choose_precision("auto"))
    search = Search(
        passages, [queries], window_tokens=settings.window_tokens, window_overlap=settings.window_overlap, depth=100
    )
    search.add(Model("base", load, weight, ("base", None), "base"))
    (runs,) = (each.runs for each in search.sets)
    pair = ("hybrid_base", "base")
    scores = {
        system: {lift.MEASURE: np.array(list(per_query(queries.qrels, runs[system])[lift.MEASURE].values()))}
        for system in pair
    }
    return compare(scores, [pair], None, seed=SEED)[pair][lift.MEASURE]


def write_report() -> str:
    """Write advice.json and advice.md from all finished cells, and return the latter."""
    cells = [read_json(path) for path in sorted(CELLS.glob("*.json"))]
    right = [cell["advised"] == cell["truth"]["best"] for cell in cells]
    columns = ("advice from synthetic queries", "best on real queries", "", "base, fusion, tuned queries")
    lines = header("collection", *columns)
    for cell, is_right in zip(cells, right, strict=True):
        means = cell["truth"]["means"]
        figures = ", ".join(f"{means[system]:.3f}" if system in means else "–" for system in OPTIONS.values())
        mark = "right" if is_right else "wrong"
        lines.append(row(cell["collection"], cell["advised"], cell["truth"]["best"], mark, figures))
    always = sum(cell["truth"]["best"] == "use_fusion" for cell in cells)
    seconds = [cell["seconds"]["advice"] for cell in cells]
    lines += [
        "",
        f"Right on {sum(right)} of {len(cells)}; always saying use_fusion is right on {always}. nDCG@10 on all test queries "
        f"and passages, windows of 128 tokens. An advice took {min(seconds)} to {max(seconds)} s; {MACHINE}.",
    ]
    return write_table("advice", {"right": sum(right), "n": len(cells), "always_fusion": always, "cells": cells}, lines)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("collections", type=Path, nargs="+")
    options.add_argument("--only", nargs="*", default=(), help="names of collections")
    arguments = options.parse_args()
    for collection in arguments.collections:
        if not arguments.only or collection.name in arguments.only:
            cached(CELLS / f"{collection.name}.json", partial(run_cell, collection))
            print(write_report())


if __name__ == "__main__":
    main()
