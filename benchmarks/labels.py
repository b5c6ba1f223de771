"""What people's judged queries teach: our methods beside the recipes of other libraries, on the same pairs.

    python -m benchmarks.labels COLLECTION[:SPLIT]… [--train-split train] [--seeds 3] [--labels 100 300 …]
                                [--time-of lora] [--rerank] [--rows base lora mnrl …] [--only NAME:SEED …]

Each COLLECTION is a BEIR folder with judgements of SPLIT, which all rows are given, and of test, which a cell reads once, at
its end. A tenth of the labels is dealt to dev (``Dataset.with_dev``); a folder that has both, asked for train, keeps its own.
``--labels N`` gives N judged queries, dealt, in place of all. ``--time-of ROW`` gives peers the time that this row of ours
took in the same cell: as many epochs as fill it, which may be more or fewer than their own. That is processor time, as the
machine may have other work.

- ``base``: dense, BM25, hybrid with the usual weight and with the weight that dev chooses (``hybrid_dev``).
- Ours (full, lora, query-lora, auto): ``embedtune.tune`` with its defaults; dev chooses strength, fusion weight and shipping.
- Peers (benchmarks/peers.py) train on the pairs of train and dev; no dev queries are left, so they have the usual weight.

All search windows of 256 tokens over the whole corpus. Cells live in benchmarks/cache/labels and are resumed, whatever options
are not in their names (``--rerank``, ``--max-pairs``, ``--window``); all that are done are in labels.md and labels.json. There,
``ours``, ``best_untuned`` and ``best_shipped`` are chosen on dev, for each seed; the best peer is that on test.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import embedtune
from benchmarks.labels_report import MEASURE, OURS, ROWS, means_of, write_report
from benchmarks.peers import PEERS, Training, fill, rows_of, train_peer
from benchmarks.tables import CACHE, cached, parser, read_json
from embedtune.config.settings import DEFAULT_MODEL
from embedtune.evaluation.measures import per_query
from embedtune.formats.judgements import own_units
from embedtune.models.encoder import Encoder, choose_precision, load_model
from embedtune.models.locate import find_model, hash_model
from embedtune.project.layout import MODEL, VECTORS
from embedtune.project.manifest import read_manifest
from embedtune.project.records import ModelRecord
from embedtune.project.vector_cache import VectorCache
from embedtune.retrieval.bm25 import BM25
from embedtune.retrieval.fusion import DEFAULT_WEIGHT, WEIGHTS
from embedtune.retrieval.late_interaction import encoded_tokens, match
from embedtune.retrieval.searcher import PassageVectors, Searcher, units_of
from embedtune.retrieval.windows import corpus_windows
from embedtune.systems import find_kind
from embedtune.training.recipe import JUDGED
from embedtune.training.selection import choose_weight
from embedtune.types import QuerySet, Vectors

CELLS = CACHE / "labels"
_DEPTH, _OVERLAP = 100, 0.25


@dataclass(frozen=True)
class Options:
    """What the cells of one call have in common."""

    model: str = DEFAULT_MODEL
    window: int = 256
    time_of: str | None = None
    max_pairs: int = JUDGED["max_pairs"]
    rerank: bool = False


class Collection:
    """A corpus, encoded once by the base, with all labels of a split."""

    def __init__(self, folder: Path, split: str, options: Options) -> None:
        self.name = folder.name if options.model == DEFAULT_MODEL else f"{folder.name}, {Path(options.model).name}"
        self.cells = CELLS / f"{self.name.replace(', ', '-')}-{split}"
        self.data, self.split, self.options = embedtune.Dataset.from_beir(folder), split, options
        self.kinds = ["dense", "hybrid", *(["rerank"] if options.rerank else [])]
        self.passages, self.base = self.data.passages, find_model(options.model)
        self.encoder = self.encoder_of(load_model(self.base))
        self.windows = corpus_windows(self.passages, self.encoder, options.window, _OVERLAP)

    @cached_property
    def _lexical(self) -> BM25:
        return BM25([passage.full_text for passage in self.passages])

    @cached_property
    def vectors(self) -> Vectors:
        """The windows' vectors by the base."""
        return VectorCache(self.cells / VECTORS).documents(self.encoder, hash_model(self.base), self.windows.texts)

    def encoder_of(self, model: Any) -> Encoder:
        """Return the encoder of a model, which sees no more than a window."""
        model.max_seq_length = min(self.options.window, model.max_seq_length or self.options.window)
        return Encoder(model, precision=choose_precision("auto"))

    def deal(self, seed: int, n_labels: int | None) -> embedtune.Dataset:
        """Return the labels that rows are given, without the test queries."""
        none = QuerySet("", [], {}, "passage")
        train, dev = self.data.splits[self.split], self.data.splits["dev"]
        if self.split == "train" and dev.queries and n_labels is None:
            return replace(self.data, splits={"train": train, "dev": dev, "test": none})
        if n_labels is not None:
            order = np.random.default_rng(seed).permutation(len(train.queries))[:n_labels]
            train = train.subset(train.queries[number] for number in sorted(order))
        return replace(self.data, splits={"train": train, "dev": none, "test": none}).with_dev(seed=seed)

    def begin(self, run: Path) -> None:
        """Begin a run that has the base's vectors, for which no row pays, as peers do not for mining."""
        shutil.rmtree(run, ignore_errors=True)
        _ = self.vectors
        shutil.copytree(self.cells / VECTORS, run / VECTORS)

    def vectors_of(self, run: Path, encoder: Encoder) -> Vectors:
        """Return the windows' vectors by a run's model, which training may have made."""
        trained = read_manifest(run / MODEL, ModelRecord)
        if not trained.record.is_tuned or trained.record.queries_only:
            return self.vectors
        return VectorCache(run / VECTORS).documents(encoder, trained.outputs_hash, self.windows.texts)

    def search(
        self, encoder: Encoder, vectors: Vectors, queries: QuerySet, kinds: Sequence[str], weight: float
    ) -> dict[str, dict[str, float]]:
        """Return kind of search → query → score."""
        ids, texts = [query.query_id for query in queries.queries], [query.text for query in queries.queries]
        searcher = Searcher(
            units_of(self.passages, "passage"),
            lexical=self._lexical,
            dense=PassageVectors(vectors, self.windows),
            weight=weight,
            left_out=own_units(queries, self.passages),
            match=partial(match, encoder, tokens_of=encoded_tokens(encoder, self.windows.of_passage)),
        )
        runs = searcher.runs(ids, texts, encoder.encode_queries(texts), [find_kind(kind) for kind in kinds], _DEPTH)
        scores = {kind: per_query(queries.qrels, run, [MEASURE])[MEASURE] for kind, run in runs.items()}
        return {kind: {query: round(value, 5) for query, value in of_kind.items()} for kind, of_kind in scores.items()}


def run_cell(collection: Collection, name: str, seed: int, n_labels: int | None) -> None:
    """Train and evaluate one cell, unless it is done."""
    time_of = collection.options.time_of if name in PEERS else None

    def path_of(row: str, time_of: str | None) -> Path:
        return collection.cells / f"{row}-{n_labels or 'all'}{f'-time-of-{time_of}' if time_of else ''}-{seed}.json"

    def cell() -> dict[str, Any]:
        labels = collection.deal(seed, n_labels)
        facts = {"collection": collection.name, "split": collection.split, "row": name, "seed": seed}
        facts |= {"labels": n_labels, "judged_queries": len(labels), "time_of": time_of}
        if name in PEERS:
            seconds = read_json(path_of(time_of, None))["processor_seconds"] if time_of else None
            return facts | _peer(collection, labels, name, seed, seconds)
        measure = _base if name == "base" else _ours
        return facts | measure(collection, labels, name, seed)

    cached(path_of(name, time_of), cell)


def _base(collection: Collection, labels: embedtune.Dataset, name: str, seed: int) -> dict[str, Any]:
    search = partial(collection.search, collection.encoder, collection.vectors)
    dev = labels.splits["dev"]
    by_weight = {weight: search(dev, ["hybrid"], weight)["hybrid"] for weight in WEIGHTS}
    weight = choose_weight({key: np.array(list(scores.values())) for key, scores in by_weight.items()}, judged=True)

    def scores_of(queries: QuerySet) -> dict[str, dict[str, float]]:
        chosen = search(queries, ["hybrid"], weight)["hybrid"]
        return search(queries, ["bm25", *collection.kinds], DEFAULT_WEIGHT) | {"hybrid_dev": chosen}

    found = {"dev": means_of(scores_of(dev)), "test": scores_of(collection.data.splits["test"])}
    return {"seconds": 0, "processor_seconds": 0, "steps": 0, "peak_mib": 0, "weight": weight, **found}


def _ours(collection: Collection, labels: embedtune.Dataset, name: str, seed: int) -> dict[str, Any]:
    run = collection.cells / f"{name}-{seed}.run"
    collection.begin(run)
    limit = collection.options.max_pairs
    settings = {} if limit == JUDGED["max_pairs"] else {"max_pairs": limit}
    measured = Training()
    tuned = embedtune.tune(
        collection.options.model, labels, name, run=run, seed=seed, window_tokens=collection.encoder.window,
        callbacks=[measured.callback], **settings,
    )  # fmt: skip
    cost = measured.cost()
    record = read_manifest(run / MODEL, ModelRecord).record
    facts = {"shipped": tuned.method if record.is_tuned else "base", "strength": tuned.strength, "dev_gain": tuned.gain}
    encoder = collection.encoder_of(tuned.model)
    vectors = collection.vectors_of(run, encoder)
    search = partial(collection.search, encoder, vectors, kinds=collection.kinds, weight=tuned.fusion_weight)
    found = {"dev": means_of(search(labels.splits["dev"])), "test": search(collection.data.splits["test"])}
    shutil.rmtree(run)
    return {**cost, "pairs": record.pairs, **facts, "weight": tuned.fusion_weight, **found}


def _peer(
    collection: Collection, labels: embedtune.Dataset, name: str, seed: int, seconds: float | None
) -> dict[str, Any]:
    encoder, guide = (collection.encoder_of(load_model(collection.base)) for _ in range(2))
    corpus = [passage.full_text for passage in collection.passages]
    rows = rows_of(PEERS[name], encoder.model, _pairs(labels, collection.options.max_pairs, seed), corpus)
    peer = fill(PEERS[name], encoder.model, guide.model, rows, seconds) if seconds else PEERS[name]
    measured = Training(seconds)
    train_peer(peer, encoder.model, guide.model, rows, seed, measured.callback)
    cost = measured.cost()
    vectors = encoder.encode_documents(collection.windows.texts)
    test = collection.search(encoder, vectors, collection.data.splits["test"], collection.kinds, DEFAULT_WEIGHT)
    return {**cost, "pairs": len(rows), "weight": DEFAULT_WEIGHT, "dev": {}, "test": test}


def _pairs(labels: embedtune.Dataset, most: int, seed: int) -> list[dict[str, str]]:
    """Return the pairs of train and dev; the same share of both, drawn as in ``embedtune.train``, if train has too many."""
    texts = {passage.passage_id: passage.full_text for passage in labels.passages}
    of_split = [
        [
            {"anchor": query.text, "positive": texts[passage]}
            for query in judged.queries
            for passage, grade in judged.qrels[query.query_id].items()
            if grade > 0
        ]
        for judged in (labels.splits["train"], labels.splits["dev"])
    ]
    share = min(1.0, most / max(1, len(of_split[0])))
    return [
        pairs[number]
        for pairs in of_split
        for number in sorted(np.random.default_rng(seed).choice(len(pairs), round(share * len(pairs)), replace=False))
    ]


def main() -> None:
    options = parser(__doc__)
    options.add_argument("collections", nargs="*", help="BEIR folders, each with :SPLIT if it is not --train-split")
    options.add_argument("--train-split", default="train")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--labels", type=int, nargs="*", default=(), help="judged queries; without it all")
    options.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS)
    options.add_argument("--only", nargs="*", default=(), help="cells as NAME:SEED")
    options.add_argument("--time-of", choices=OURS, help="train peers for as long as this row of ours took")
    options.add_argument("--max-pairs", type=int, default=JUDGED["max_pairs"], help="pairs of train; more are sampled")
    options.add_argument("--window", type=int, default=256, help="tokens, special ones included")
    options.add_argument("--model", default=DEFAULT_MODEL)
    options.add_argument("--rerank", action="store_true", help="rerank too")
    given = options.parse_args()
    shared = Options(given.model, given.window, given.time_of, given.max_pairs, given.rerank)
    for folder, _, split in (each.partition(":") for each in given.collections):
        name = Path(folder).name
        seeds = [seed for seed in range(given.seeds) if not given.only or f"{name}:{seed}" in given.only]
        collection = Collection(Path(folder), split or given.train_split, shared) if seeds else None
        for seed, n_labels, each in product(seeds, given.labels or [None], given.rows):
            assert collection
            run_cell(collection, each, seed, n_labels)
            write_report(CELLS)
    print(write_report(CELLS))


if __name__ == "__main__":
    main()
