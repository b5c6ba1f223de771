"""What each exported form of a model keeps of its ranking, and what it weighs and how fast it is in its own engine.

    python -m benchmarks.export RUN [RUN …] [--passages 2000] [--format NAME …]

Each RUN is a run folder with an evaluation. Its model is written in every format, run by that format's engine over the queries
of the evaluation and as many of the passages, and held against the checkpoint; a format passes if it loses at most 0.2 points
of nDCG@10. Below the formats stand the checkpoint's vectors of passages in int8 and in one bit a dimension, searched with the
query's vector in fp32 or, for bits, by Hamming distance, and the best 40 rescored with the passages' own vectors in fp32.
Formats and runs that are not named keep their rows in benchmarks/export.md and .json; "formats" are those of the first run.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tables import HERE, MACHINE, header, parser, read_json, row, write_table
from embedtune.export.export import draw_run_sample, export_formats
from embedtune.export.formats import FORMATS
from embedtune.export.parity import MAX_LOSS, MEASURE, PASSAGES, POINTS, Parity, Sample, ask, mean_ndcg
from embedtune.models.encoder import load_encoder
from embedtune.project.trained_run import read_trained_run
from embedtune.retrieval.compact_vectors import search_compact
from embedtune.types import Run, Vectors

_DEPTH = 40  # windows of a query that are found, and rescored: four for each of the ten that are wanted
_PRECISIONS = {"int8": 1.0, "binary": 1 / 8}  # bytes of a component


def measure_formats(run: Path, names: Sequence[str], n_passages: int) -> dict[str, dict[str, Any]]:
    """Return the rows of some formats, with the load of the machine before they were run."""
    load = round(os.getloadavg()[0], 2)
    with tempfile.TemporaryDirectory() as scratch:
        parities = export_formats(run, Path(scratch) / "out", names, max_loss=math.inf, n_passages=n_passages)
    return {each.format: _facts(each._replace(passed=each.ndcg_loss <= MAX_LOSS)) | {"load": load} for each in parities}


def _facts(parity: Parity) -> dict[str, Any]:
    digits = {
        "passages_per_second": 1,
        "cosine": 6,
        "least_cosine": 6,
        "top_ten": 4,
        "same_top_ten": 4,
        "ndcg": 4,
        "ndcg_loss": 3,
    }
    facts = parity._asdict()
    return {
        name: round(value, digits[name]) if name in digits and value is not None else value
        for name, value in facts.items()
    }


def measure_vectors(run: Path, n_passages: int) -> dict[str, Any]:
    """Return what passage vectors of fewer bits cost: nDCG@10 with and without rescoring, and bytes of a vector."""
    opened = read_trained_run(run)
    encoder = load_encoder(opened.merged, opened.settings, "fp32", "cpu")
    sample = draw_run_sample(opened, encoder, n_passages)
    found = ask(encoder, sample)
    rows = {}
    for name, size in _PRECISIONS.items():
        for rescored in (True, False):
            runs = _search(sample, found.queries, found.documents, name, rescored=rescored)
            loss = POINTS * (mean_ndcg(sample, found) - mean_ndcg(sample, found._replace(runs=runs)))
            key = "ndcg_loss" if rescored else "ndcg_loss_without_rescoring"
            rows.setdefault(name, {"bytes_per_vector": int(size * found.documents.shape[1])})[key] = round(loss, 3)
    return {"fp32": {"bytes_per_vector": 4 * found.documents.shape[1]}, **rows}


def _search(sample: Sample, queries: Vectors, documents: Vectors, precision: str, *, rescored: bool) -> list[Run]:
    """Search quantised windows; a unit scores as its best window."""
    numbers = np.searchsorted(sample.windows.starts, np.arange(len(documents)), side="right") - 1
    scores, found_windows = search_compact(queries, documents, precision, depth=_DEPTH, rescored=rescored)
    runs, first = [], 0
    for labelled in sample.query_sets:
        names = [each.passage_id if labelled.judged_unit == "passage" else each.document_id for each in sample.passages]
        run: Run = {}
        rows = zip(labelled.queries, scores[first:], found_windows[first:], strict=False)
        for query, of_windows, windows in rows:
            of_units: dict[str, float] = {}
            for score, window in zip(of_windows.tolist(), windows.tolist(), strict=True):
                name = names[numbers[window]]
                of_units[name] = max(score, of_units.get(name, -math.inf))
            run[query.query_id] = of_units
        runs.append(run)
        first += len(labelled.queries)
    return runs


def write_report(measured: Mapping[str, Mapping[str, Any]]) -> str:
    """Write export.json and .md, and return the latter."""
    lines = ["# Exported models", ""]
    for name, facts in measured.items():
        lines += [f"## {name}", ""]
        lines += header(
            "format",
            "engine",
            "passes",
            "MB",
            "passages/s",
            "load",
            "cosine",
            "least",
            "top ten",
            "same ten",
            MEASURE,
            "lost",
        )
        for form, each in facts["formats"].items():
            passes = "yes" if each["passed"] else "no"
            cells = (each["cosine"], each["least_cosine"], each["top_ten"], each["same_top_ten"], each["ndcg"])
            size = f"{each['bytes'] / 1e6:.1f}"
            lines.append(
                row(
                    form,
                    each["engine"],
                    passes,
                    size,
                    each["passages_per_second"],
                    each["load"],
                    *cells,
                    f"{each['ndcg_loss']:+.2f}",
                )
            )
        lines += ["", *header("vectors of passages", "bytes", "points lost, best 40 rescored", "without rescoring")]
        for kind, each in facts.get("vectors", {}).items():
            lost = [f"{each[key]:+.2f}" if key in each else "0" for key in ("ndcg_loss", "ndcg_loss_without_rescoring")]
            lines.append(row(kind, each["bytes_per_vector"], *lost))
        lines.append("")
    first = next(iter(measured.values()))
    return write_table("export", {"formats": first["formats"], "runs": measured}, lines, MACHINE)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("runs", nargs="+", type=Path)
    options.add_argument("--passages", type=int, default=PASSAGES)
    options.add_argument("--format", action="append", choices=[*FORMATS, "vectors"], dest="formats")
    given = options.parse_args(arguments)
    measured: dict[str, Any] = read_json(HERE / "export.json", {"runs": {}})["runs"]
    for run in given.runs:
        facts = measured.setdefault(run.resolve().name, {"formats": {}, "passages": given.passages})
        wanted = given.formats or [*FORMATS, "vectors"]
        if names := [name for name in wanted if name in FORMATS]:
            facts["formats"] |= measure_formats(run, names, given.passages)
        if "vectors" in wanted:
            facts["vectors"] = measure_vectors(run, given.passages)
        print(write_report(measured))


if __name__ == "__main__":
    main()
