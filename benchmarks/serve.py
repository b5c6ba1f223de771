"""What `embedtune serve` bears: 50 clients at once, passages a second against a loop, and one query alone.

    python -m benchmarks.serve RUN [--seconds 60] [--clients 50] [--queries 100] [--passages 256]

The server is a process of its own, the clients are another. Every client sends one query after the other and holds each vector
against the run's own; an answer other than 200, or a vector that differs by more than 1e-5, is an error. Passages come from 4
clients, 32 in a request; the loop is `SentenceTransformer.encode_document`, one passage a call, in this process, before the
server starts. Figures are in benchmarks/serve.md and .json, with the machine's load before each.
"""

from __future__ import annotations

import asyncio
import base64
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from benchmarks.tables import header, parser, row, write_table
from embedtune.dataset import read_dataset
from embedtune.project.layout import DATASET
from embedtune.serving.embedder import Embedder
from embedtune.types import Vectors

TOLERANCE = 1e-5
_TOGETHER, _SENDERS = 32, 4


class Clients:
    """Clients of a server, which compare what they get with what they should."""

    def __init__(self, address: str, texts: Sequence[str], expected: Vectors, input_type: str) -> None:
        self._http = httpx.AsyncClient(base_url=address, timeout=120, limits=httpx.Limits(max_connections=None))
        self._texts, self._expected, self._input_type = texts, expected, input_type
        self.seconds: list[float] = []
        self.errors = 0
        self.difference = 0.0

    async def send(self, rows: Sequence[int]) -> None:
        """Ask for some of the texts."""
        body = {"input": [self._texts[n] for n in rows], "input_type": self._input_type, "encoding_format": "base64"}
        started = time.perf_counter()
        answer = await self._http.post("/v1/embeddings", json=body)
        self.seconds.append(time.perf_counter() - started)
        if answer.status_code != 200:
            self.errors += 1
            return
        vectors = [np.frombuffer(base64.b64decode(each["embedding"]), "<f4") for each in answer.json()["data"]]
        difference = float(np.abs(np.stack(vectors) - self._expected[list(rows)]).max())
        self.difference = max(self.difference, difference)
        self.errors += difference > TOLERANCE

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()


async def load(clients: Clients, n_clients: int, seconds: float, n_texts: int) -> dict[str, Any]:
    """Let many clients ask one query after the other."""
    end = time.perf_counter() + seconds

    async def work(number: int) -> None:
        while time.perf_counter() < end:
            await clients.send([number % n_texts])
            number += n_clients

    await asyncio.gather(*map(work, range(n_clients)))
    return _summary(clients) | {"clients": n_clients, "seconds": seconds}


async def alone(clients: Clients, n_queries: int) -> dict[str, Any]:
    """Ask one query after the other, by one client."""
    for number in range(n_queries):
        await clients.send([number])
    return _summary(clients)


async def passages(clients: Clients, n_texts: int) -> dict[str, Any]:
    """Have passages encoded."""
    waiting = [list(range(first, min(first + _TOGETHER, n_texts))) for first in range(0, n_texts, _TOGETHER)]
    started = time.perf_counter()

    async def work() -> None:
        while waiting:
            await clients.send(waiting.pop())

    await asyncio.gather(*(work() for _ in range(_SENDERS)))
    return _summary(clients) | {"passages_per_second": round(n_texts / (time.perf_counter() - started), 1)}


def _summary(clients: Clients) -> dict[str, Any]:
    times = sorted(1000 * each for each in clients.seconds)
    return {
        "requests": len(times),
        "errors": clients.errors,
        "p50_ms": round(statistics.median(times), 1),
        "p99_ms": round(times[math.ceil(0.99 * len(times)) - 1], 1),
        "largest_difference": clients.difference,
    }


async def measure(address: str, embedder: Embedder, texts: Mapping[str, list[str]], given: Any) -> dict[str, Any]:
    """Ask a server for everything, one after the other."""
    encode = {"query": embedder.encode_queries, "document": embedder.encode_documents}
    expected = {side: encode[side](some) for side, some in texts.items()}
    found = {}
    for name, side in (("query", "query"), ("passages", "document"), ("load", "query")):
        clients = Clients(address, texts[side], expected[side], side)
        await clients.send([0])
        clients.seconds.clear()
        before = round(os.getloadavg()[0], 2)
        n_texts = len(texts[side])
        if name == "load":
            found[name] = await load(clients, given.clients, given.seconds, n_texts)
        else:
            found[name] = await (alone(clients, n_texts) if name == "query" else passages(clients, n_texts))
        found[name]["load_before"] = before
        await clients.close()
    return found


def in_a_loop(embedder: Embedder, texts: Sequence[str]) -> float:
    """Return the passages that sentence-transformers encodes in a second, one a call."""
    model = embedder.encoder.model
    model.encode_document(texts[0])
    started = time.perf_counter()
    for text in texts:
        model.encode_document(text, normalize_embeddings=True)
    return len(texts) / (time.perf_counter() - started)


def write_report(run: str, found: dict[str, Any]) -> str:
    """Write serve.json and .md, and return the latter."""
    lines = ["# `embedtune serve` under load", "", f"Run `{run}`.", ""]
    lines += header("what", "requests", "errors", "p50 ms", "p99 ms", "passages/s", "largest difference", "load before")
    for name in ("query", "passages", "load"):
        each = found[name]
        pace = each.get("passages_per_second", "")
        times = (each["p50_ms"], each["p99_ms"])
        lines.append(
            row(
                name,
                each["requests"],
                each["errors"],
                *times,
                pace,
                f"{each['largest_difference']:.1g}",
                each["load_before"],
            )
        )
    loop = found["loop"]
    lines += [
        "",
        f"In a loop, one passage a call: {loop['passages_per_second']} passages/s (load before: {loop['load_before']}).",
    ]
    return write_table("serve", {"run": run, **found}, lines)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__)
    options.add_argument("run", type=Path)
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--clients", type=int, default=50)
    options.add_argument("--queries", type=int, default=100)
    options.add_argument("--passages", type=int, default=256)
    given = options.parse_args(arguments)
    dataset = read_dataset(given.run / DATASET)
    queries = list(dict.fromkeys(query.text for split in dataset.splits.values() for query in split.queries))
    some = [passage.full_text for passage in dataset.passages[: given.passages]]
    texts = {"query": queries[: given.queries], "document": some}
    embedder = Embedder.from_run(given.run)
    before = round(os.getloadavg()[0], 2)
    loop = {"passages_per_second": round(in_a_loop(embedder, texts["document"][:64]), 1), "load_before": before}
    command = [sys.executable, "-m", "embedtune", "serve", str(given.run), "--port", "0", "-q"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 (our own module)
        assert server.stdout is not None
        address = server.stdout.readline().split()[0]
        try:
            found = asyncio.run(measure(address, embedder, texts, given))
        finally:
            server.terminate()
    print(write_report(given.run.resolve().name, {**found, "loop": loop}))


if __name__ == "__main__":
    main()
