"""What approximate indexes of a million passages cost and find, beside the exact search of the same vectors.

    python -m benchmarks.index COLLECTION [--passages 1000000] [--index ivf1024,pq48,rflat …] [--queries 300]

COLLECTION is a BEIR folder. Its windows are encoded by the default base and repeated: each copy is moved towards one of its
ten nearest neighbours by up to half the way, and by half the difference of another pair of neighbours, so that no two are the
same. The queries are those of its test split. Recall@10 is the share of the exact search's best ten windows that an index
finds. Each is asked one query after the other by one thread. Vectors and indexes stay in benchmarks/cache/index, so a run that
was ended goes on, and forms that differ in their search alone are built once; rows that are not named stay in
benchmarks/index.md and .json.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import faiss  # noqa: TID253 (this is about it)
import numpy as np

from benchmarks.labels import Collection, Options
from benchmarks.tables import CACHE, HERE, MACHINE, cached, header, parser, read_json, row, write_table
from embedtune.config.index_form import IndexForm
from embedtune.retrieval.approximate_index import build_index, open_index
from embedtune.types import Vectors

FORMS = ["ivf1024,pq48", "ivf1024,pq48,rflat", "ivf1024,pq48,rflat,nprobe=64", "ivf1024,sq8", "ivf1024,sq8,nprobe=64"]
_FOLDER = CACHE / "index"
_NEIGHBOURS, _K = 10, 10
_BLOCK = 4096


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("collection", type=Path)
    options.add_argument("--passages", type=int, default=1_000_000)
    options.add_argument("--queries", type=int, default=300)
    options.add_argument("--index", dest="forms", action="append", type=IndexForm.parse)
    given = options.parse_args(arguments)
    _FOLDER.mkdir(parents=True, exist_ok=True)
    real, queries = encoded(given.collection, given.queries)
    vectors = _mapped(f"{len(real)}-{given.passages}", lambda out: repeat(real, out), (given.passages, real.shape[1]))
    exact = _mapped(
        f"exact-{len(queries)}-{given.passages}", lambda out: search(queries, vectors, out), (len(queries), _K)
    )
    facts = {
        "collection": given.collection.resolve().name,
        "real": len(real),
        "passages": len(vectors),
        "flat": vectors.nbytes,
    }
    rows = read_json(HERE / "index.json", {"rows": {}})["rows"]
    for form in given.forms or map(IndexForm.parse, FORMS):
        rows[form.name] = measure(form, vectors, queries, exact)
        print(write_report({**facts, "queries": len(queries), "rows": rows}), flush=True)


def encoded(folder: Path, n_queries: int) -> tuple[Vectors, Vectors]:
    """Return the vectors of all windows of a collection, and of some of its test queries, by the default base."""
    collection = Collection(folder, "train", Options(window=128))
    texts = [query.text for query in collection.data.splits["test"].queries[:n_queries]]
    return collection.vectors, collection.encoder.encode_queries(texts)


def _mapped(name: str, fill: Callable[[Vectors], None], shape: tuple[int, int]) -> Vectors:
    """Return the array of a file, memory-mapped; it is filled if it is not there."""
    path = _FOLDER / f"{name}.npy"
    if not path.is_file():
        part = path.with_suffix(".part")
        fill(np.lib.format.open_memmap(part, mode="w+", dtype=np.float32, shape=shape))
        part.rename(path)
    mapped: Vectors = np.load(path, mmap_mode="r")
    return mapped


def repeat(real: Vectors, out: Vectors) -> None:
    """Fill ``out`` with ``real`` and copies of it that were moved."""
    neighbours = faiss.IndexFlatIP(real.shape[1])
    neighbours.add(real)
    near = neighbours.search(real, _NEIGHBOURS + 1)[1][:, 1:]
    draw = np.random.default_rng(0)
    out[: len(real)] = real
    for start in range(len(real), len(out), _BLOCK):
        numbers = np.arange(start, min(start + _BLOCK, len(out))) % len(real)
        others = draw.integers(len(real), size=len(numbers))
        column = draw.integers(_NEIGHBOURS, size=(2, len(numbers)))
        way = draw.uniform(0, 0.5, size=(len(numbers), 1)).astype(np.float32)
        moved = real[numbers] + way * (real[near[numbers, column[0]]] - real[numbers])
        moved += 0.5 * (real[near[others, column[1]]] - real[others])
        out[start : start + len(numbers)] = moved / np.linalg.norm(moved, axis=1, keepdims=True)


def search(queries: Vectors, vectors: Vectors, out: Vectors) -> None:
    """Fill ``out`` with the numbers of the best vectors of each query, by exact search, block by block."""
    best = faiss.ResultHeap(len(queries), _K, keep_max=True)
    for start in range(0, len(vectors), 16 * _BLOCK):
        block = np.ascontiguousarray(vectors[start : start + 16 * _BLOCK])
        scores, numbers = faiss.knn(queries, block, _K, metric=faiss.METRIC_INNER_PRODUCT)
        best.add_result(scores, numbers + start)
    best.finalize()
    out[:] = best.I


def measure(form: IndexForm, vectors: Vectors, queries: Vectors, exact: Vectors) -> dict[str, Any]:
    """Build an index, if it is not there yet, and ask it every query."""
    path = _FOLDER / f"{form.factory}-{len(vectors)}.faiss"

    def build() -> dict[str, Any]:
        started, worked = time.monotonic(), time.process_time()
        chosen = build_index(form, vectors, path)
        return {
            **chosen,
            "seconds": round(time.monotonic() - started),
            "cpu_seconds": round(time.process_time() - worked),
        }

    built = cached(path.with_suffix(".json"), build)
    index = open_index(form, path, vectors, built.get("parameters"))
    faiss.omp_set_num_threads(1)
    found, walls, worked = [], [], []
    for query in queries:
        started, before = time.perf_counter(), time.process_time()
        found.append(index.search(query[None], _K)[1][0])
        walls.append(1000 * (time.perf_counter() - started))
        worked.append(1000 * (time.process_time() - before))
    shared = [len({*a} & {*b}) / _K for a, b in zip(np.array(found).tolist(), exact.astype(int).tolist(), strict=True)]
    return {
        "build": built,
        "bytes": path.stat().st_size,
        "parameters": index.parameters,
        "recall_at_10": round(statistics.mean(shared), 4),
        "ms": {"median": round(statistics.median(walls), 2), "p95": round(statistics.quantiles(walls, n=20)[-1], 2)},
        "cpu_ms": round(statistics.mean(worked), 2),
    }


def write_report(result: dict[str, Any]) -> str:
    """Write index.json and .md, and return the latter."""
    columns = ("MB", "of flat", "build s", "of a processor", "recall@10", "median ms", "95 % within", "of a processor")
    lines = header("index", "searches", *columns)
    for name, each in result["rows"].items():
        searches = ", ".join(f"{key} {value}" for key, value in each["parameters"].items())
        size = (f"{each['bytes'] / 1e6:,.0f}", f"{each['bytes'] / result['flat']:.1%}")
        build, ms = each["build"], each["ms"]
        cells = (
            f"{build['seconds']:,}",
            f"{build['cpu_seconds']:,}",
            f"{each['recall_at_10']:.3f}",
            ms["median"],
            ms["p95"],
        )
        lines.append(row(name, searches, *size, *cells, each["cpu_ms"]))
    lines += [
        "",
        f"{result['passages']:,} vectors made of {result['real']:,} windows of {result['collection']}, {result['queries']} of "
        f"its queries, one thread; flat has {result['flat'] / 1e6:,.0f} MB. {MACHINE}, other jobs on the machine.",
    ]
    return write_table("index", result, lines)


if __name__ == "__main__":
    main()
