"""The cost of encoding and tuning on this machine, from the time of a few real steps."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np

from embedtune import machine
from embedtune.advise.inputs import CachingEncoder
from embedtune.advise.result import Cost, TuningCost
from embedtune.advise.systems import with_queries
from embedtune.config.training import TrainConfig
from embedtune.errors import DataError
from embedtune.progress import track
from embedtune.training.methods.context import Context
from embedtune.training.methods.gradient import GradientTraining, prepare_both_sides, prepare_query_lora
from embedtune.types import Progress

TIMED_STEPS = 2
"""Timed steps; one more comes before them, which sets up kernels and memory."""

_SEARCHES = 4  # of the dev set: by the base, twice during training, at half strength
_INTERVAL_S = 0.02  # between two samples of memory


@dataclass
class Workload:
    """The work of tuning on the whole corpus."""

    corpus_tokens: int  # tokens of all windows of the corpus
    dev_tokens: int  # tokens of the windows that dev retrieval searches
    train_queries: int  # expected train queries


def measure_cost(context: Context, base: CachingEncoder, work: Workload) -> Cost:
    """Time real steps of both ways to tune, and extrapolate to the whole corpus with the default settings of ``train``."""
    speed = base.document_tokens / max(1e-9, base.document_seconds)
    encode = work.corpus_tokens / max(1e-9, speed)
    dev = _SEARCHES * work.dev_tokens / max(1e-9, speed)
    config = TrainConfig()
    side, pairs = config.query_side, min(config.max_pairs or work.train_queries, work.train_queries)
    side_steps = max(1, min(side.max_queries, work.train_queries) // side.batch_size) * side.epochs
    both_steps = max(1, pairs // config.batch_size) * config.epochs
    with track("time training steps", 2 * (TIMED_STEPS + 1)) as on_progress:
        query_side = _query_side(context, encode, side_steps, on_progress)
        both_sides = _both_sides(context, dev, both_steps, on_progress)
    memory = machine.memory()
    return Cost(
        cores=machine.cores(),
        precision=context.base.precision,
        tokens_per_second=round(speed),
        encode_corpus_seconds=round(encode, 1),
        query_side=query_side,
        both_sides=both_sides,
        memory_available_bytes=memory.available,
        memory_total_bytes=memory.total,
    )


def _query_side(context: Context, encoding: float, n_steps: int, on_progress: Progress) -> TuningCost | None:
    queries, batch = context.dataset.splits["train"].queries, TrainConfig().query_side.batch_size
    n_train, n_timed = len(queries), (TIMED_STEPS + 1) * batch
    try:
        prepared = prepare_query_lora(with_queries(context, queries[:: max(1, n_train // n_timed)][:n_timed]))
    except DataError:
        return None
    size = min(batch, len(prepared.rows) // (TIMED_STEPS + 1))
    if n_train < batch or not size:
        return None
    rows = np.arange((TIMED_STEPS + 1) * size).reshape(TIMED_STEPS + 1, size).tolist()
    return _time_steps(context, prepared, rows, encoding, n_steps, on_progress)


def _both_sides(context: Context, searching: float, n_steps: int, on_progress: Progress) -> TuningCost | None:
    config = TrainConfig(max_pairs=3 * (TIMED_STEPS + 1) * TrainConfig().batch_size, seed=context.config.seed)
    try:
        prepared = prepare_both_sides(replace(context, config=config), "lora")
    except DataError:
        return None
    if len(prepared.batches) < TIMED_STEPS + 1:
        return None
    return _time_steps(context, prepared, prepared.batches[: TIMED_STEPS + 1], searching, n_steps, on_progress)


def _time_steps(
    context: Context,
    prepared: GradientTraining,
    batches: Sequence[Sequence[int]],
    other_seconds: float,
    n_steps: int,
    on_progress: Progress,
) -> TuningCost:
    from embedtune.training.trainer import Hooks, TrainingSettings, run_training

    times = []

    def on_step(done: int) -> None:
        times.append(time.perf_counter())
        on_progress(done)

    settings = TrainingSettings(1e-6, weight_decay=0.0, precision=context.base.precision, seed=context.config.seed)
    with _peak_memory() as peak:
        run_training(
            prepared.tuned.model,
            prepared.examples,
            batches,
            prepared.loss,
            settings,
            Hooks(evaluate=lambda _: None, on_progress=on_step, on_step=lambda *_: None),
        )
    seconds = round(statistics.mean(np.diff(times).tolist()), 3)
    return TuningCost(
        batch=len(batches[0]),
        step_seconds=seconds,
        memory_bytes=peak.n_bytes,
        steps=n_steps,
        seconds=round(other_seconds + n_steps * seconds),
    )


@contextmanager
def _peak_memory() -> Iterator[SimpleNamespace]:
    """Sample the memory of this process fifty times a second."""
    import psutil

    process, peak, stop = psutil.Process(), SimpleNamespace(n_bytes=0), threading.Event()

    def sample() -> None:
        while not stop.wait(_INTERVAL_S):
            peak.n_bytes = max(peak.n_bytes, int(process.memory_info().rss))

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield peak
    finally:
        stop.set()
        sampler.join()
