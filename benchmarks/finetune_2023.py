"""The 2023 experiment again: Lyft and Uber annual reports, 790 recorded queries, hit rate at 5.

    python -m benchmarks.finetune_2023 FOLDER [--seeds 3] [--recipes lora words]

FOLDER holds train_dataset.json (Lyft) and val_dataset.json (Uber) of run-llama/finetune-embedding. Runs live in
benchmarks/cache and are resumed; the table is written to benchmarks/finetune_2023.md and .json. A recipe that is not asked for
keeps the rows that it has there.

Two recipes: LoRA on both sides, and the candidate methods without LoRA, of which the last is the hybrid vector. No setting is
chosen here: strength, saved model and fusion weights come from the defaults and from generated dev queries, and the 790
recorded queries are read once for each model, by eval.
"""

from __future__ import annotations

import shutil
import time
from itertools import product
from pathlib import Path
from typing import Any

import embedtune
from benchmarks.tables import CACHE, HERE, MACHINE, header, parser, read_json, row, spread, write_table

CELLS = CACHE / "finetune_2023"
MEASURE = "hit_rate@5"
PUBLISHED = (
    ("bge-small-en, untuned", 0.787),
    ("bge-small-en, tuned on 668 LLM queries (Lyft)", 0.844),
    ("text-embedding-ada-002", 0.871),
)
RECIPES: dict[str, dict[str, Any]] = {
    "lora": {"method": "lora"},
    "words": {"method": "auto", "auto_methods": ("pca", "linear", "hybrid-vector")},
}


def transductive(data: Path, recipe: str, seed: int) -> dict[str, Any]:
    """Tune on synthetic queries from the Uber chunks' own text, test on the recorded queries over the same chunks."""
    out = CELLS / f"transductive-{recipe}-{seed}"
    uber = data / "val_dataset.json"
    embedtune.generate(embedtune.GenerateConfig(source=str(uber), seed=seed), out)
    embedtune.train(embedtune.TrainConfig(seed=seed, **RECIPES[recipe]), out)
    return _evaluate(uber, out)


def transfer(data: Path, recipe: str, seed: int) -> dict[str, Any]:
    """Tune on synthetic queries from the Lyft chunks, test on Uber: training sees no word of the test documents."""
    lyft, out = CELLS / f"lyft-{recipe}-{seed}", CELLS / f"transfer-{recipe}-{seed}"
    embedtune.generate(embedtune.GenerateConfig(source=str(data / "train_dataset.json"), seed=seed), lyft)
    embedtune.train(embedtune.TrainConfig(seed=seed, **RECIPES[recipe]), lyft)
    embedtune.generate(embedtune.GenerateConfig(source=str(data / "val_dataset.json"), seed=seed), out)
    # The model of one run under the corpus of another: eval checks each folder for itself.
    shutil.rmtree(out / "model", ignore_errors=True)
    shutil.copytree(lyft / "model", out / "model")
    return _evaluate(data / "val_dataset.json", out)


def _evaluate(queries: Path, out: Path) -> dict[str, Any]:
    results = embedtune.evaluate(embedtune.EvaluateConfig(queries=str(queries)), out).record.only
    return {"shipped": results.shipped, "fusion_weights": results.fusion_weights, "systems": results.systems}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--transfer-seeds", type=int, default=1)
    options.add_argument("--recipes", nargs="+", choices=RECIPES, default=list(RECIPES))
    arguments = options.parse_args()
    started = time.time()
    recorded = read_json(HERE / "finetune_2023.json", {"cells": {}})["cells"]
    cells = {(recipe, source): cells for key, cells in recorded.items() for recipe, source in [key.split()]}
    for recipe in arguments.recipes:
        for measure, seeds in ((transductive, arguments.seeds), (transfer, arguments.transfer_seeds)):
            cells[recipe, measure.__name__] = [measure(arguments.folder, recipe, seed) for seed in range(seeds)]
    cells = {key: cells[key] for key in product(RECIPES, ("transductive", "transfer")) if key in cells}
    result = {
        "measure": MEASURE,
        "seeds": {"transductive": arguments.seeds, "transfer": arguments.transfer_seeds},
        "seconds": round(time.time() - started),
        "published": dict(PUBLISHED),
        "cells": {" ".join(key): seeds for key, seeds in cells.items()},
    }
    print(write_table("finetune_2023", result, _table(cells, result)))


def _table(cells: dict[tuple[str, str], list[dict[str, Any]]], result: dict[str, Any]) -> list[str]:
    untuned = next(iter(cells.values()))
    first = untuned[0]["systems"]
    fused = [facts["systems"]["hybrid_base"][MEASURE] for facts in untuned]
    reranked = [facts["systems"]["rerank_base"][MEASURE] for facts in untuned]
    values = {
        **{f"published 2023: {name}": f"{value:.3f}" for name, value in PUBLISHED},
        "BM25, whole chunks": f"{first['bm25'][MEASURE]:.3f}",
        "MiniLM untuned, best window of 128 tokens": f"{first['base'][MEASURE]:.3f}",
        "MiniLM untuned + BM25": spread(fused, 3),
        "MiniLM untuned + BM25, reranked by late interaction": spread(reranked, 3),
    }
    rows = [row(label, value, "") for label, value in values.items()]
    recipes = {"lora": "LoRA on", "words": "hybrid vectors, selected on"}
    sources = {
        "transductive": "synthetic queries from the Uber chunks (transductive)",
        "transfer": "synthetic queries from Lyft",
    }
    for (recipe, source), seeds in cells.items():
        label = f"{recipes[recipe]} {sources[source]}"
        rows.append(_gain_row(label, seeds, "tuned", "base"))
        rows.append(_gain_row(f"{label} + BM25", seeds, "hybrid_tuned", "hybrid_base"))
        rows.append(_gain_row(f"{label} + BM25, reranked by late interaction", seeds, "rerank_tuned", "rerank_base"))
    return [
        *header("790 recorded queries over 395 Uber chunks", "hit rate@5", "gain in points"),
        *rows,
        "",
        f"Mean ± standard deviation over {result['seeds']['transductive']} seeds (Lyft: {result['seeds']['transfer']}); "
        f"all-MiniLM-L6-v2 (22M), LoRA on int8 frozen weights; {MACHINE}; {result['seconds']} s.",
    ]


def _gain_row(label: str, seeds: list[dict[str, Any]], system: str, base: str) -> str:
    """One row; where the gate shipped the base, the base is what the user gets."""
    values = [facts["systems"].get(system, facts["systems"][base])[MEASURE] for facts in seeds]
    gains = [100 * (value - facts["systems"][base][MEASURE]) for value, facts in zip(values, seeds, strict=True)]
    return row(label, spread(values, 3), spread(gains, 1, "+"))


if __name__ == "__main__":
    main()
