"""What quantising the frozen weights costs and saves: one recipe on fp32, bf16, int8, NF4 and FP4 bases.

    python -m benchmarks.quantization COLLECTION [--seeds 3] [--only SCHEME:SEED …]

COLLECTION is a BEIR folder with test judgements, or python-reference. The dataset is drawn once a seed; every scheme trains
LoRA on the same pairs in the same order, and what it gives is measured where the gate ships it. Each training is a process
of its own, whose peak memory is told. Cells live in benchmarks/cache/quantization; benchmarks/quantization.md and .json hold
all that are done. On a machine with CUDA the same command trains and evaluates there.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import embedtune
from benchmarks.tables import CACHE, header, parser, read_json, row, spread, write_table
from embedtune.config.settings import DEFAULT_MODEL
from embedtune.dataset import read_dataset
from embedtune.evaluation.drift import mean_cosine
from embedtune.models.encoder import Encoder, choose_precision, load_model
from embedtune.models.locate import find_model
from embedtune.models.quantisation import load_quantised
from embedtune.models.weights import merge
from embedtune.project.manifest import read_manifest, write_json
from embedtune.project.records import ModelRecord
from embedtune.training.reloading import load_with_adapter

CELLS = CACHE / "quantization"
MEASURE = "ndcg@10"
_DRIFT_PASSAGES = 256


SCHEMES = {
    "fp32": ("none", "fp32"),
    "bf16": ("none", "bf16"),
    "int8": ("int8", "auto"),
    "nf4": ("nf4", "auto"),
    "fp4": ("fp4", "auto"),
}
"""Values of ``train --quantize`` and ``train.precision``."""


def run_cell(collection: str, name: str, seed: int, pairs: int) -> None:
    """Train and evaluate one scheme with one seed, unless that is done."""
    out = CELLS / f"{_name(collection)}-{name}-{seed}"
    if (out / "cell.json").is_file():
        return
    _draw(collection, seed, out)
    quantize, precision = SCHEMES[name]
    seconds, peak = _train(out, quantize, precision, seed, pairs)
    trained = read_manifest(out / "model", ModelRecord).record
    rounding, tuning = _drift(out, quantize, trained.shipped)
    cell = {"collection": _name(collection), "scheme": name, "seed": seed, "seconds": seconds, "peak_mib": peak}
    cell |= {"dev_gain": trained.dev and trained.dev.gain, "shipped": trained.shipped, "cosine_of_rounding": rounding}
    if trained.is_tuned:
        cell["cosine_of_tuning"] = tuning
        other = _merge_into_original(out) if quantize != "none" else None
        models = (str(other),) if other else ()
        results = embedtune.evaluate(embedtune.EvaluateConfig(queries=(collection,), models=models), out).record.only
        cell["systems"] = {system: values[MEASURE] for system, values in results.systems.items()}
    write_json(out / "cell.json", cell)


def _name(collection: str) -> str:
    return Path(collection).name


def _draw(collection: str, seed: int, out: Path) -> None:
    """Draw the dataset of a seed once; the other schemes take a copy."""
    drawn = CELLS / f"{_name(collection)}-dataset-{seed}"
    embedtune.generate(embedtune.GenerateConfig(source=collection, queries_from="generate", seed=seed), drawn)
    if not (out / "dataset").exists():
        shutil.copytree(drawn / "dataset", out / "dataset")


def _train(out: Path, quantize: str, precision: str, seed: int, pairs: int) -> tuple[float, int]:
    """Train in a process of its own; return its seconds and its peak memory in MiB."""
    command = [
        sys.executable, "-m", "embedtune", "train", str(out), "--quiet", "--method", "lora", "--quantize", quantize,
        "--set", f"precision={precision}", "--set", f"max_pairs={pairs}", "--seed", str(seed),
    ]  # fmt: skip
    started = time.time()
    process = subprocess.Popen(command)  # noqa: S603 (our own module, no shell)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: expected exit code 0, found {process.returncode}")
    return round(time.time() - started, 1), usage.ru_maxrss >> 10


def _drift(out: Path, quantize: str, shipped: str) -> tuple[float, float]:
    """Return the mean cosine of passages to the base's after rounding its weights alone, and after all of the training."""
    folder, precision = find_model(DEFAULT_MODEL), choose_precision("auto")
    texts = [passage.full_text for passage in read_dataset(out / "dataset").passages[:_DRIFT_PASSAGES]]
    plain = load_model(folder)
    before = Encoder(plain, precision=precision).encode_documents(texts)
    cosines = [1.0, 1.0]
    if quantize != "none":
        rounded = Encoder(merge(load_quantised(folder, quantize), plain), precision=precision)
        cosines[0] = mean_cosine(before, rounded.encode_documents(texts))
    if shipped == "tuned":
        tuned = Encoder(load_model(out / "model" / "merged"), precision=precision)
        cosines[1] = mean_cosine(before, tuned.encode_documents(texts))
    return round(float(cosines[0]), 5), round(float(cosines[1]), 5)


def _merge_into_original(out: Path) -> Path:
    """Write the other merge: the update added to the weights as they were before rounding, which is not what was trained."""
    folder, target = find_model(DEFAULT_MODEL), out / "into_original"
    merged = merge(load_with_adapter(folder, out / "model" / "adapter", "none"), load_model(folder))
    merged.save_pretrained(str(target), create_model_card=False)
    return target


def write_report() -> str:
    """Write quantization.json and .md from all finished cells, and return the latter."""
    cells = [read_json(path) for path in sorted(CELLS.glob("*/cell.json"))]
    machine = f"{platform.machine()}, {_accelerator()}"
    return write_table("quantization", {"measure": MEASURE, "cells": cells}, _table(cells, machine), machine)


def _accelerator() -> str:
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name(0)
    return f"no GPU, {torch.get_num_threads()} of {os.cpu_count()} cores"


def _table(cells: Sequence[Mapping[str, Any]], machine: str) -> list[str]:
    lines = header(
        "frozen weights", "base, rounded", "cosine to the base, rounded; tuned", "tuned", "merged into the original",
        "shipped", "seconds", "MiB",
    )  # fmt: skip
    for name in SCHEMES:
        rows = [cell for cell in cells if cell["scheme"] == name]
        measured = [cell["systems"] for cell in rows if "systems" in cell]
        if not rows:
            continue
        rounded = [systems.get("base_quantized", systems["base"]) for systems in measured]
        cosines = [spread(_values(rows, key), 4) for key in ("cosine_of_rounding", "cosine_of_tuning")]
        lines.append(
            row(
                name, spread(rounded), "; ".join(cosines), spread(_values(measured, "tuned")),
                spread(_values(measured, "into_original")), f"{_values(rows, 'shipped').count('tuned')} of {len(rows)}",
                spread(_values(rows, "seconds"), 0), f"{max(_values(rows, 'peak_mib')):,}",
            )
        )  # fmt: skip
    names = ", ".join(dict.fromkeys(cell["collection"] for cell in cells))
    seeds = max((cell["seed"] for cell in cells), default=0) + 1
    return [
        *lines,
        "",
        f"nDCG@10 on {names}, mean ± standard deviation over {seeds} seeds; all-MiniLM-L6-v2; {machine}.",
    ]


def _values(cells: Sequence[Mapping[str, Any]], key: str) -> list[Any]:
    return [cell[key] for cell in cells if key in cell]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("collection")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--pairs", type=int, default=2000)
    options.add_argument("--only", nargs="*", default=(), help="cells as SCHEME:SEED")
    arguments = options.parse_args()
    for seed in range(arguments.seeds):
        for name in SCHEMES:
            if not arguments.only or f"{name}:{seed}" in arguments.only:
                run_cell(arguments.collection, name, seed, arguments.pairs)
                write_report()
    print(write_report())


if __name__ == "__main__":
    main()
