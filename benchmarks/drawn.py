"""Do synthetic queries say what people's queries say? One run, judged by both.

    python -m benchmarks.drawn COLLECTION [COLLECTION …] [--models NAME …] [--seeds 3] [--method linear] [--most 500]

Each COLLECTION is a BEIR folder with people's test judgements. Its documents alone go through ``generate``, ``train`` and
``eval`` with their defaults and the method; the run is then evaluated on people's test queries, at most MOST of them.

- The bias of a system over the base is its gain on synthetic queries minus that on people's; its mean over a collection's cells
  is one value. ``embedtune.evaluation.word_bias`` has the mean and the standard deviation of these values.
- ``sign_agreement``: of the cells in which people's queries show a system to be better or worse than the base, the share in
  which the synthetic ones have the same sign; those of BM25 and hybrid search minus the bias on the *other* collections.
- A contradiction: the evaluation on synthetic queries shows a system to be better, and people's show it to be worse, or the
  other way round; or people's show the system that it decided for to be worse than the base.

Cells are kept in benchmarks/cache/drawn; all that are done are in drawn.md and drawn.json.
"""

from __future__ import annotations

import shutil
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np

import embedtune
from benchmarks.tables import CACHE, cached, header, parser, read_json, row, write_table
from embedtune.config.settings import DEFAULT_MODEL
from embedtune.documents.reading import read_query_set
from embedtune.evaluation.decision import decide_by
from embedtune.evaluation.verdict import PRIMARY
from embedtune.formats.beir import write_qrels, write_queries
from embedtune.project.evaluation_records import QuerySetRecord
from embedtune.project.layout import VECTORS

CELLS = CACHE / "drawn"
SYSTEMS = ("tuned", "hybrid_base", "bm25")
WORDED = ("hybrid_base", "bm25")


class Cell(NamedTuple):
    """What is measured once."""

    collection: Path
    model: str
    seed: int
    method: str

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return CELLS / f"{self.collection.name}-{Path(self.model).name}-{self.method}-{self.seed}.json"


def run_cell(cell: Cell, most: int) -> None:
    """Tune on synthetic queries, and evaluate on them and on people's, unless it is done."""
    cached(cell.path, lambda: _measure(cell, most))


def _measure(cell: Cell, most: int) -> dict[str, Any]:
    kept = CELLS / f"{cell.collection.name}-{Path(cell.model).name}{VECTORS}"
    with TemporaryDirectory() as scratch:
        source, people, run = (Path(scratch) / name for name in ("source", "people", "run"))
        source.mkdir()
        shutil.copy(cell.collection / "corpus.jsonl", source)
        _write_some(cell.collection, people, most)
        if kept.is_dir():  # encoded by an earlier seed
            shutil.copytree(kept, run / VECTORS)
        embedtune.generate(embedtune.GenerateConfig(source=str(source), model=cell.model, seed=cell.seed), run)
        trained = embedtune.train(embedtune.TrainConfig(method=cell.method, seed=cell.seed), run).record
        synthetic = embedtune.evaluate(embedtune.EvaluateConfig(rerank=0), run).record.sets
        if not kept.is_dir():
            shutil.copytree(run / VECTORS, kept)
        judged = embedtune.evaluate(embedtune.EvaluateConfig(rerank=0, queries=(str(people),)), run).record.sets
        facts = {"collection": cell.collection.name, "model": Path(cell.model).name, "seed": cell.seed}
        sets = {"synthetic": synthetic, "people": judged}
        return {**facts, "method": cell.method, "shipped": trained.shipped} | {
            name: _summary(next(iter(found.values())), trained.shipped) for name, found in sets.items()
        }


def _write_some(collection: Path, folder: Path, most: int) -> None:
    """Write at most so many of the test queries, the same for every cell, as a BEIR folder."""
    judged = read_query_set(collection)
    chosen = np.random.default_rng(0).permutation(len(judged.queries))[:most]
    some = judged.subset(judged.queries[number] for number in sorted(chosen))
    folder.mkdir()
    write_queries(folder, some.queries)
    write_qrels(folder, "test", some.qrels)


def _summary(found: QuerySetRecord, shipped: str) -> dict[str, Any]:
    compared = {}
    for system in SYSTEMS:
        turned = system == "bm25"  # it is the reference of models
        pair = ("base", system) if turned else (system, "base")
        if comparison := found.comparison(*pair, PRIMARY):
            flags = (comparison.worse, comparison.better) if turned else (comparison.better, comparison.worse)
            gain = -comparison.difference if turned else comparison.difference
            compared[system] = {"gain": round(gain, 5), "error": round(comparison.error, 5)}
            compared[system] |= dict(zip(("better", "worse"), flags, strict=True))
    scores = {name: values[PRIMARY] for name, values in found.systems.items()}
    decision = {"verdict": found.verdict.decision, "decision": decide_by([found], shipped).system}
    return {"n_queries": found.n_queries, **decision, "scores": scores, "over_base": compared}


def _bias(cells: Iterable[dict[str, Any]], system: str) -> dict[str, float]:
    """Return the mean bias of each collection and model."""
    found: dict[str, list[float]] = defaultdict(list)
    for cell in cells:
        if system in cell["synthetic"]["over_base"]:
            gains = (cell[name]["over_base"][system]["gain"] for name in ("synthetic", "people"))
            synthetic, people = gains
            found[f"{cell['collection']}, {cell['model']}"].append(synthetic - people)
    return {name: statistics.mean(values) for name, values in found.items()}


def _agreements(cells: Sequence[dict[str, Any]], system: str) -> list[bool]:
    """Return whether the sign is right, for each cell in which people's queries show one."""
    right = []
    for cell in cells:
        people, synthetic = (cell[name]["over_base"].get(system) for name in ("people", "synthetic"))
        if people and synthetic and (people["better"] or people["worse"]):
            others = _bias((each for each in cells if each["collection"] != cell["collection"]), system)
            favoured = system in WORDED and others
            rest = synthetic["gain"] - (statistics.mean(others.values()) if favoured else 0.0)
            right.append((rest > 0) == people["better"])
    return right


def _contradictions(cell: dict[str, Any]) -> list[str]:
    people, synthetic = (cell[name]["over_base"] for name in ("people", "synthetic"))
    found = [
        f"{system} is {one} on synthetic queries, {other} on people's"
        for system in SYSTEMS
        for one, other in (("better", "worse"), ("worse", "better"))
        if system in people and system in synthetic and synthetic[system][one] and people[system][other]
    ]
    chosen = cell["synthetic"]["decision"]
    return found + [f"{chosen} decided, worse than the base for people"] * bool(people.get(chosen, {}).get("worse"))


def write_report() -> str:
    """Write all cells that are done, and return the table."""
    cells = [read_json(path) for path in sorted(CELLS.glob("*.json"))]
    bias = {system: _bias(cells, system) for system in SYSTEMS}
    right = {system: _agreements(cells, system) for system in SYSTEMS}
    flat = [value for values in right.values() for value in values]
    contradictions = [{"cell": _name(cell), "what": what} for cell in cells for what in _contradictions(cell)]
    measured = {
        system: {"mean": _mean(values.values()), "spread": _spread(values.values())} for system, values in bias.items()
    }
    result = {
        "cells": cells,
        "bias": measured,
        "contradictions": contradictions,
        "sign_agreement": _mean(flat),
        "sign_agreement_by_system": {system: _mean(values) for system, values in right.items()},
    }
    lines = header("gain over the base, points", "queries", *SYSTEMS, "verdict", "use")
    for cell, name in product(cells, ("synthetic", "people")):
        found = cell[name]
        lines.append(row(f"{_name(cell)}", f"{found['n_queries']} {name}", *(_gain(found["over_base"].get(s)) for s in SYSTEMS),
                         found["verdict"], found["decision"]))  # fmt: skip
    shown = [f"{100 * each['mean']:+.1f} ± {100 * each['spread']:.1f}" for each in measured.values()]
    counted = [f"{sum(right[system])} of {len(right[system])}" for system in SYSTEMS]
    lines += ["", *header("", *SYSTEMS), row("bias: mean ± standard deviation", *shown)]
    lines += [row("right sign, of those that people's queries show", *counted)]
    lines += ["", f"Contradictions: {len(contradictions)} in {len(cells)} cells.", ""]
    lines += [f"- {each['cell']}: {each['what']}" for each in contradictions]
    lines += ["nDCG@10; ± standard error; **bold** where shown, for synthetic queries after the bias. Method: "
              + ", ".join(sorted({cell["method"] for cell in cells})) + "."]  # fmt: skip
    return write_table("drawn", result, lines)


def _name(cell: dict[str, Any]) -> str:
    return f"{cell['collection']}, {cell['model']}, seed {cell['seed']}"


def _gain(found: dict[str, Any] | None) -> str:
    if not found:
        return "–"
    text = f"{100 * found['gain']:+.1f} ± {100 * found['error']:.1f}"
    return f"**{text}**" if found["better"] or found["worse"] else text


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return round(statistics.mean(listed), 4) if listed else 0.0


def _spread(values: Iterable[float]) -> float:
    listed = list(values)
    return round(statistics.stdev(listed), 4) if len(listed) > 1 else 0.0


def main() -> None:
    """Measure what is missing, and write the table."""
    options = parser(__doc__)
    options.add_argument("collections", nargs="+", type=Path)
    options.add_argument("--models", nargs="+", default=[DEFAULT_MODEL])
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--method", default="linear")
    options.add_argument("--most", type=int, default=500, help="of people's queries")
    given = options.parse_args()
    for seed, model, collection in product(range(given.seeds), given.models, given.collections):
        run_cell(Cell(collection, model, seed, given.method), given.most)
    print(write_report())


if __name__ == "__main__":
    main()
