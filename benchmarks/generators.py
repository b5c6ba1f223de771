"""Which generator of queries is worth it: each makes a dataset from the same documents, and people's queries judge LoRA on it.

    python -m benchmarks.generators COLLECTION[:SPLIT] … --llm hf:FOLDER [--plain local] [--seeds 3] [--rows extractive …]
                                    [--asked 600] [--per-passage 2] [--epochs 6] [--most 500] [--limit N]

Each COLLECTION is a BEIR folder with people's queries of SPLIT (train) and of test. The rows:

- ``extractive``: ``generate`` with its defaults.
- ``plain``: the language model of ``--plain`` (by default that of ``--llm``) as it is, asked about ASKED passages.
- ``tuned_N``: the model of ``--llm`` after ``tune-generator`` on N of people's queries of SPLIT, drawn anew for each seed;
  those of test are never read. It is asked about the same passages.
- ``mixed``: the queries of ``extractive`` and of the largest ``tuned_N`` together.

Each dataset goes through ``train`` (LoRA) and ``eval`` on at most MOST of people's test queries. A seed draws everything: the
queries that the writer learns from, its training, what it writes, and LoRA.

- ``dense`` and ``fused``: nDCG@10 with the model that is shipped; in the table, points over the untuned one.
- Usable queries a minute: those that passed every filter, by the time of ``generate``.
- How human: forms (overlap of the shares of questions, key words and statements with people's), length (share of the queries
  that are as long as one of people's), vocabulary (share of people's words that occur), copied (mean share of a query's words
  that stand in its passage in one run; people's own beside it).

``--limit N`` tries it all on N documents and N test queries. Cells are in benchmarks/cache/generators and are resumed, answers
and writers too; all that are done are in generators.md and generators.json.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Mapping
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import embedtune
from benchmarks.tables import CACHE, cached, header, parser, read_json, row, spread, write_json, write_table
from embedtune.config.settings import DEFAULT_MODEL
from embedtune.dataset import Dataset, read_dataset, write_labels
from embedtune.errors import DataError, ProviderError
from embedtune.evaluation.verdict import PRIMARY
from embedtune.formats.beir import write_passages, write_qrels, write_queries
from embedtune.llm.store import ANSWER, snapshot
from embedtune.pipeline.tune_generator import tune_generator
from embedtune.project.layout import DATASET, VECTORS
from embedtune.project.manifest import read_manifest, stage_folder
from embedtune.project.records import DatasetRecord
from embedtune.synthesis.llm.examples import compare
from embedtune.synthesis.llm.session import STORE
from embedtune.synthesis.writer.pairs import judged_pairs, sample
from embedtune.synthesis.writer.tuning import copied_share
from embedtune.types import SPLITS, QuerySet

CELLS = CACHE / "generators"
SIZES = (30, 100, 500)
ROWS = ("extractive", "plain", *(f"tuned_{size}" for size in SIZES), "mixed")
NAMES = {"plain": "smollm2"}
"""Names of rows in the JSON, where they differ: of the model that is benchmarked."""
_COMPARED = 1000  # of people's queries and of written ones


class Options(NamedTuple):
    """What all cells have in common."""

    llm: str
    plain: str
    model: str
    asked: int
    per_passage: int
    epochs: int
    most: int
    limit: int | None


class Collection:
    """A collection's documents alone, people's queries to learn from, and those of test, in folders of their own."""

    def __init__(self, folder: Path, split: str, options: Options) -> None:
        tried = f"-{options.limit}" if options.limit else ""
        self.name, self.split, self.options = folder.name, split, options
        self.cells = CELLS / f"{folder.name}-{split}{tried}"
        self._folder = folder

    @cached_property
    def data(self) -> Dataset:
        """Everything, or what ``--limit`` leaves of it."""
        data = Dataset.from_beir(self._folder)
        return data if self.options.limit is None else _part(data, self.split, self.options.limit)

    @cached_property
    def documents(self) -> Path:
        """A source without queries."""
        return self._once("documents", lambda folder: write_passages(folder, self.data.passages))

    @cached_property
    def people(self) -> Path:
        """People's test queries, at most so many."""
        return self._once("people", lambda folder: _write(folder, self._some_of_test()))

    def _some_of_test(self) -> QuerySet:
        judged = self.data.splits["test"]
        chosen = np.random.default_rng(0).permutation(len(judged.queries))[: self.options.most]
        return judged.subset(judged.queries[number] for number in sorted(chosen))

    def learned_from(self, size: int, seed: int) -> Path:
        """A source with so many of people's queries, each with one passage, and the texts of these alone."""

        def write(folder: Path) -> None:
            texts = {passage.passage_id: passage.full_text for passage in self.data.passages}
            pairs = sample(judged_pairs([self.data.splits[self.split]], texts, seed), size, seed)
            passages = {pair.unit: pair.passage for pair in pairs}
            judged = {str(number): {pair.unit: 1} for number, pair in enumerate(pairs)}
            queries = {str(number): pair.query for number, pair in enumerate(pairs)}
            Dataset.from_pairs(queries, passages, judged, split="train").save(folder)

        return self._once(f"learned-{size}-{seed}", write)

    def _once(self, name: str, write: Any) -> Path:
        folder = self.cells / name
        if not folder.is_dir():
            part = folder.with_name(f"{name}.part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            write(part)
            part.rename(folder)
        return folder


def _part(data: Dataset, split: str, n: int) -> Dataset:
    """Return a corpus of about so many documents: those that answer some queries, and the first of the others."""
    some = {name: data.splits[name].subset(data.splits[name].queries[:n]) for name in (split, "test")}
    wanted = {key for judged in some.values() for grades in judged.qrels.values() for key in grades}
    others = [passage.passage_id for passage in data.passages if passage.passage_id not in wanted]
    kept = wanted | set(others[: max(0, n - len(wanted))])
    splits = {name: QuerySet(name, [], {}, "passage") for name in SPLITS} | some
    return Dataset([passage for passage in data.passages if passage.passage_id in kept], splits)


def _write(folder: Path, queries: QuerySet) -> None:
    write_queries(folder, queries.queries)
    write_qrels(folder, "test", queries.qrels)


def run_cell(collection: Collection, name: str, seed: int) -> None:
    """Generate, train and evaluate one cell, unless it is done."""

    def measure() -> dict[str, Any]:
        facts = {"collection": collection.name, "row": name, "seed": seed}
        try:
            run = make_run(collection, name, seed)
        except (DataError, ProviderError) as error:  # such as no query that the filters keep
            return facts | {"failed": str(error)}
        return facts | about(collection, run) | lift(collection, run, seed)

    cached(collection.cells / f"{name}-{seed}.json", measure)


def make_run(collection: Collection, name: str, seed: int) -> Path:
    """Return a run folder with the dataset of a row; it and the answers of models are kept."""
    options, run = collection.options, collection.cells / "runs" / f"{name}-{seed}"
    if name == "mixed":
        return mix(*(make_run(collection, part, seed) for part in ("extractive", f"tuned_{SIZES[-1]}")), run)
    llm: dict[str, Any] = {"limit": options.asked}
    if name == "plain":
        llm |= {"name": options.plain}
    elif name.startswith("tuned_"):
        learned = collection.learned_from(int(name.removeprefix("tuned_")), seed)
        writer = tune_generator(learned, run, llm=options.llm, epochs=options.epochs, seed=seed)
        llm |= {"name": options.llm, "adapter": str(writer.folder), "per_passage": options.per_passage}
    settings = {} if name == "extractive" else {"generator": "llm", "llm": llm}
    before, started = n_answers(run), time.monotonic()
    config = embedtune.GenerateConfig(source=str(collection.documents), model=options.model, seed=seed, **settings)
    made = embedtune.generate(config, run)
    answered = n_answers(run) - before
    if made.status == "done" and answered:
        write_json(run / "speed.json", {"answers": answered, "seconds": round(time.monotonic() - started, 1)})
    return run


def n_answers(run: Path) -> int:
    """Return how many answers of a language model are kept."""
    with snapshot(run / STORE) as store:
        histories = store.histories(sorted(store.known()))
    return sum(attempt.outcome == ANSWER for history in histories.values() for attempt in history)


def mix(first: Path, second: Path, run: Path) -> Path:
    """Make a dataset with the queries of two, which were made from the same passages and split alike."""
    one, two = (read_dataset(each / DATASET) for each in (first, second))
    manifests = [read_manifest(each / DATASET, DatasetRecord) for each in (first, second)]
    hashes = [manifest.outputs["corpus.jsonl"] for manifest in manifests]
    assert hashes[0] == hashes[1], f"{first} and {second} hold other passages"
    identity = {**manifests[0].identity.model_dump(), "mixed": [manifest.identity_hash for manifest in manifests]}
    with stage_folder(run / DATASET, identity) as stage:
        shutil.copytree(first / DATASET, stage.path, dirs_exist_ok=True)
        (stage.path / "manifest.json").unlink()
        joined = {name: _joined(one.splits[name], two.splits[name]) for name in SPLITS}
        write_labels(stage.path, joined)
        counts = {
            name: {kind: manifests[0].record.queries[name].get(kind, 0) + manifests[1].record.queries[name].get(kind, 0)
                   for kind in manifests[0].record.queries[name] | manifests[1].record.queries[name]}
            for name in SPLITS
        }  # fmt: skip
        stage.record = manifests[0].record.model_copy(update={"queries": counts})
    return run


def _joined(one: QuerySet, two: QuerySet) -> QuerySet:
    queries = {query.query_id: query for query in (*one.queries, *two.queries)}
    return QuerySet(one.name, list(queries.values()), one.qrels | two.qrels, one.judged_unit)


def about(collection: Collection, run: Path) -> dict[str, Any]:
    """Return how many queries there are, how fast they came, and how human they look."""
    data, record = read_dataset(run / DATASET), read_manifest(run / DATASET, DatasetRecord).record
    texts = {passage.passage_id: passage.full_text for passage in data.passages}
    pairs = sample(judged_pairs([data.splits[name] for name in SPLITS], texts, 0), _COMPARED, 0)
    own = {passage.passage_id: passage.full_text for passage in collection.data.passages}
    people = sample(judged_pairs([collection.data.splits[collection.split]], own, 0), _COMPARED, 0)
    like = compare([pair.query for pair in people], [pair.query for pair in pairs])
    speed, kept = read_json(run / "speed.json"), sum(sum(kinds.values()) for kinds in record.queries.values())
    rate = None
    if speed and record.llm:
        rate = round(60 * speed["answers"] / speed["seconds"] * kept / max(1, record.llm.answered), 1)
    return {
        "queries": {name: sum(kinds.values()) for name, kinds in record.queries.items()},
        "dropped": {name: n for name, n in record.dropped_queries.items() if n},
        "usable_per_minute": rate,
        "forms": like.forms.overlap,
        "length": like.words.written_in_range,
        "vocabulary": like.vocabulary,
        "copied": copied_share([pair.query for pair in pairs], [pair.passage for pair in pairs]),
        "people_copied": copied_share([pair.query for pair in people], [pair.passage for pair in people]),
        "examples": [pair.query for pair in pairs[:10]],
    }


def lift(collection: Collection, run: Path, seed: int) -> dict[str, Any]:
    """Train LoRA on a run's dataset, and measure on people's test queries."""
    kept = collection.cells / VECTORS
    if kept.is_dir() and not (run / VECTORS).is_dir():
        shutil.copytree(kept, run / VECTORS)  # encoded by the base, in another cell
    trained = embedtune.train(embedtune.TrainConfig(seed=seed), run).record
    config = embedtune.EvaluateConfig(rerank=0, queries=(str(collection.people),))
    found = next(iter(embedtune.evaluate(config, run).record.sets.values()))
    if not kept.is_dir():
        shutil.copytree(run / VECTORS, kept)
    scores = {name: round(values[PRIMARY], 5) for name, values in found.systems.items()}
    comparison = found.comparison("tuned", "base", PRIMARY)
    return {
        "shipped": trained.shipped,
        "base": scores["base"],
        "fused_base": scores["hybrid_base"],
        "dense": scores.get("tuned", scores["base"]),  # where the base is shipped, it is what the user gets
        "fused": scores.get("hybrid_tuned", scores["hybrid_base"]),
        "worse": bool(comparison and comparison.worse),
        "n_queries": found.n_queries,
    }


def write_report(folders: list[Path]) -> str:
    """Write all cells of some folders that are done, and return the table."""
    done = [read_json(path) for folder in folders for path in sorted(folder.glob("*-*.json"))]
    cells = [cell for cell in done if "failed" not in cell]
    failed = [f"{_named(cell)}: {cell['failed'].splitlines()[0]}" for cell in done if "failed" in cell]
    by_collection: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for cell in cells:
        by_collection.setdefault(cell["collection"], {}).setdefault(cell["row"], []).append(cell)
    dense = {
        collection: {NAMES.get(name, name): _mean(rows[name], "dense") for name in ROWS if name in rows}
        | {"base": _mean(next(iter(rows.values())), "base")}
        for collection, rows in by_collection.items()
    }
    worse = [_named(cell) for cell in cells if cell["worse"]]
    columns = (
        "train queries",
        "usable a minute",
        "forms",
        "length",
        "vocabulary",
        "copied",
        "dense",
        "fused",
        "shipped",
    )
    lines = header("collection", "queries of", *columns)
    for (collection, rows), name in product(by_collection.items(), ROWS):
        if name in rows:
            lines.append(row(collection, NAMES.get(name, name), *_figures(rows[name])))
    lines += [
        "",
        "Means of the seeds; dense and fused: points of nDCG@10 over the untuned model, ± standard deviation.",
    ]
    lines += [f"No dataset: {each}." for each in failed]
    lines += [f"Significantly worse than the base after the gate: {'; '.join(worse) or 'none'}."]
    means = [dense[name] for name in dense]
    for other in ("extractive", "smollm2"):
        gains = [100 * (each["tuned_500"] - each[other]) for each in means if {"tuned_500", other} <= each.keys()]
        if gains:
            lines.append(
                f"tuned_500 over {other}, dense, mean of {len(gains)} collections: {statistics.mean(gains):+.1f} points."
            )
    return write_table("generators", {"measure": PRIMARY, "collections": dense, "worse": worse, "cells": done}, lines)


def _named(cell: Mapping[str, Any]) -> str:
    return f"{cell['collection']}, {cell['row']}, seed {cell['seed']}"


def _figures(cells: list[Mapping[str, Any]]) -> list[str]:
    rates = [cell["usable_per_minute"] for cell in cells if cell["usable_per_minute"]]
    human = [f"{_mean(cells, name):.2f}" for name in ("forms", "length", "vocabulary")]
    copied = f"{_mean(cells, 'copied'):.2f} (people {_mean(cells, 'people_copied'):.2f})"
    lifts = [
        spread([100 * (cell[name] - cell[base]) for cell in cells], 1, "+")
        for name, base in (("dense", "base"), ("fused", "fused_base"))
    ]
    shipped = f"{sum(cell['shipped'] == 'tuned' for cell in cells)} of {len(cells)}"
    train = f"{statistics.mean(cell['queries']['train'] for cell in cells):.0f}"
    return [train, f"{statistics.mean(rates):.0f}" if rates else "", *human, copied, *lifts, shipped]


def _mean(cells: list[Mapping[str, Any]], name: str) -> float:
    return round(statistics.mean(cell[name] for cell in cells), 5)


def main() -> None:
    """Measure what is missing, and write the table."""
    options = parser(__doc__)
    options.add_argument("collections", nargs="+", help="BEIR folder, and after a colon the split to learn from")
    options.add_argument("--llm", required=True, help="hf:FOLDER, the model that is tuned")
    options.add_argument("--plain", help="the model that is asked as it is")
    options.add_argument("--model", default=DEFAULT_MODEL)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--rows", nargs="+", default=ROWS, choices=ROWS)
    options.add_argument("--asked", type=int, default=600, help="passages that a language model is asked about")
    options.add_argument("--per-passage", type=int, default=2, help="queries of a tuned writer for each")
    options.add_argument("--epochs", type=int, default=6, help="of the writer's tuning, at most")
    options.add_argument("--most", type=int, default=500, help="of people's test queries")
    options.add_argument("--limit", type=int, help="documents and test queries, to try it")
    given = options.parse_args()
    shared = Options(
        llm=given.llm, plain=given.plain or given.llm, model=given.model, asked=given.asked,
        per_passage=given.per_passage, epochs=given.epochs, most=given.most, limit=given.limit,
    )  # fmt: skip
    named = [name.rpartition(":") if ":" in name else (name, "", "train") for name in given.collections]
    collections = [Collection(Path(folder), split, shared) for folder, _, split in named]
    for seed, collection, name in product(range(given.seeds), collections, given.rows):
        run_cell(collection, name, seed)
    print(write_report([each.cells for each in collections]))


if __name__ == "__main__":
    main()
