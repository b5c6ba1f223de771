"""How long a query takes in each system of a run, one query after the other.

    python -m benchmarks.latency RUN [RUN …] [--queries 50] [--token-memory 512]

Each RUN is a run folder with a model. Its first test queries are asked by every system that it can serve, after three that do
not count, and then all once more: reranking keeps the tokens of passages that it has seen, as many MiB as TOKEN-MEMORY says.
Times are of the whole call, encoding of the query included; loading and the index are not in it. Runs that are not named keep
their rows in benchmarks/latency.md and .json.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.tables import HERE, MACHINE, header, parser, read_json, row, write_table
from embedtune.dataset import read_dataset
from embedtune.project.layout import DATASET
from embedtune.retrieval.late_interaction import MEMORY
from embedtune.serving.retriever import Retriever
from embedtune.serving.run_index import RunIndex

_WARM_UP = 3


def measure(run: Path, n_queries: int, token_memory: int) -> dict[str, Any]:
    """Return the milliseconds of a query by system, at first and again, and what they depend on: passages and windows."""
    queries = [query.text for query in read_dataset(run / DATASET).splits["test"].queries[: n_queries + _WARM_UP]]
    opened = RunIndex(run, token_memory=token_memory)
    windows = sum(map(len, opened.embedder("base").windows_of(opened.passages)))
    milliseconds = {}
    for system in opened.systems:
        retriever = Retriever(opened, system)
        for query in queries[:_WARM_UP]:
            retriever.retrieve(query)
        milliseconds[system] = [_summary([_time(retriever, query) for query in queries[_WARM_UP:]]) for _ in range(2)]
    size = {"passages": len(opened.passages), "windows": windows, "token_memory": token_memory}
    return size | {"milliseconds": milliseconds}


def _time(retriever: Retriever, query: str) -> float:
    started = time.perf_counter()
    retriever.retrieve(query)
    return 1000 * (time.perf_counter() - started)


def _summary(values: Sequence[float]) -> dict[str, float]:
    return {"median": round(statistics.median(values), 1), "p95": round(statistics.quantiles(values, n=20)[-1], 1)}


def write_report(measured: Mapping[str, Mapping[str, Any]]) -> str:
    """Write latency.json and .md, and return the latter."""
    runs = read_json(HERE / "latency.json", {"runs": {}})["runs"] | measured
    times = ("median ms", "95 % within", "again", "95 % within")
    lines = header("run", "passages, windows, MiB for tokens", "system", *times)
    for name, facts in runs.items():
        size = f"{facts['passages']:,}, {facts['windows']:,}, {facts['token_memory']:,}"
        for system, rounds in facts["milliseconds"].items():
            lines.append(
                row(name, size, system, *(f"{each[key]:,.0f}" for each in rounds for key in ("median", "p95")))
            )
    lines += ["", f"Distinct queries, one after the other, then the same again; {MACHINE}."]
    return write_table("latency", {"runs": runs}, lines)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("runs", nargs="+", type=Path)
    options.add_argument("--queries", type=int, default=50)
    options.add_argument("--token-memory", type=int, default=MEMORY)
    arguments = options.parse_args()
    rows = {run.resolve().name: measure(run, arguments.queries, arguments.token_memory) for run in arguments.runs}
    print(write_report(rows))


if __name__ == "__main__":
    main()
