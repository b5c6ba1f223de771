"""What 10 million, 100 million and a billion passages take, computed from what the other benchmarks measured.

    python -m benchmarks.plan [--core-hour 0.05] [--failure-hours 12]

The first table multiplies measured constants: processor time of reading and cutting (scale.json), passages a second of encoding
(speed.json), and bytes and processor time of an index (index.json). Nothing in it was measured at these sizes. Prices are
assumptions. The second simulates the queue of encoding: workers take blocks of passages, fail at random (exponential times),
lose the block that they were at, and are replaced after some minutes; the block goes back into the queue.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks.tables import HERE, header, parser, read_json, row

SIZES = (10_000_000, 100_000_000, 1_000_000_000)
BLOCKS = (3_000, 10_000, 100_000, 1_000_000)
INDEX = "ivf1024,pq48,rflat"
_CORES = 2  # of the machine that was measured
_MACHINE_CORES = 16
_WORKERS, _REPLACED_S = 1000, 300.0


class Constants(NamedTuple):
    """What was measured, for one passage."""

    text_bytes: float
    read_s: float  # of a processor
    encode_s: float  # of the machine that was measured
    vector_bytes: float
    index_bytes: float
    index_s: float  # of a processor
    indexed: int  # passages of the index that was measured

    @classmethod
    def read(cls) -> Constants:
        """Read the tables of the other benchmarks."""
        scale, index = read_json(HERE / "scale.json")["cells"]["text:1000MB"], read_json(HERE / "index.json")
        built, n = index["rows"][INDEX], index["passages"]
        return cls(
            text_bytes=1e9 / scale["passages"],
            read_s=scale["cpu_seconds"] / scale["passages"],
            encode_s=1 / read_json(HERE / "speed.json")["encode_speeds"]["ours, bf16"][0],
            vector_bytes=index["flat"] / n,
            index_bytes=built["bytes"] / n,
            index_s=built["build"]["cpu_seconds"] / n,
            indexed=n,
        )


def stages(constants: Constants, size: int) -> Iterator[tuple[str, float, float]]:
    """Yield each stage of so many passages: name, bytes that it leaves, hours of a core.

    Lists of an index grow with the square root of the passages, and with them the time to put a vector into one.
    """
    yield "read and cut", size * constants.text_bytes, size * constants.read_s / 3600
    yield "encode", size * constants.vector_bytes, size * constants.encode_s * _CORES / 3600
    growth = (size / constants.indexed) ** 0.5  # of the number of lists that each vector is held against
    yield f"index (ivf{1024 * growth:.0f},pq48)", size * constants.index_bytes, size * constants.index_s * growth / 3600


def simulate(
    n_blocks: int, block_s: float, failure_s: float, *, workers: int = _WORKERS, seed: int = 0
) -> tuple[float, float]:
    """Return the seconds until the last of ``n_blocks`` is done, and the share of the work that was lost.

    A block takes ``block_s`` seconds of a worker, which fails after ``failure_s`` seconds on average.
    """
    draw = np.random.default_rng(seed)
    fails_at = draw.exponential(failure_s, workers).tolist()
    free = [(0.0, worker) for worker in range(workers)]
    blocks = [0.0] * n_blocks  # since when each waits
    lost = last = 0.0
    while blocks:
        since, worker = heapq.heappop(free)
        start = max(since, heapq.heappop(blocks))
        end = start + block_s
        if fails_at[worker] < end:
            lost += max(0.0, fails_at[worker] - start)
            end = max(start, fails_at[worker])
            heapq.heappush(blocks, end)
            end += _REPLACED_S
            fails_at[worker] = end + float(draw.exponential(failure_s))
        last = max(last, end)
        heapq.heappush(free, (end, worker))
    return last, lost / (n_blocks * block_s)


def tables(core_hour: float, failure_hours: float) -> list[str]:
    """Return the lines of both tables."""
    constants = Constants.read()
    lines = header("passages", "stage", "GB", "core hours", f"machines of {_MACHINE_CORES} cores for a day", "cost, $")
    for size in SIZES:
        for name, n_bytes, hours in stages(constants, size):
            machines = hours / _MACHINE_CORES / 24
            cells = (f"{n_bytes / 1e9:,.1f}", f"{hours:,.1f}", f"{machines:,.2f}", f"{hours * core_hour:,.2f}")
            lines.append(row(f"{size:,}", name, *cells))
    lines += [
        "",
        *header(
            "passages of a block", "seconds of a block", "hours until all are done", "over no failures", "work lost"
        ),
    ]
    ideal = SIZES[-1] * constants.encode_s / _WORKERS
    for block in BLOCKS:
        n_blocks, block_s = SIZES[-1] // block, block * constants.encode_s
        seconds, lost = simulate(n_blocks, block_s, 3600 * failure_hours)
        cells = (f"{block_s:,.0f}", f"{seconds / 3600:.2f}", f"{seconds / ideal - 1:+.1%}", f"{lost:.2%}")
        lines.append(row(f"{block:,}", *cells))
    return lines


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--core-hour", type=float, default=0.05, help="dollars")
    options.add_argument("--failure-hours", type=float, default=12, help="mean hours until a worker fails")
    given = options.parse_args()
    print("\n".join(tables(given.core_hour, given.failure_hours)))


if __name__ == "__main__":
    main()
