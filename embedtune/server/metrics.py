"""Figures for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """Counts requests and batches."""

    def __init__(self, waiting: Callable[[], float]) -> None:
        """Start at 0; ``waiting`` tells how many texts wait."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "embedtune_requests", "Requests by path and status.", ("path", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "embedtune_request_seconds", "Time to answer.", ("path",), buckets=_SECONDS, registry=self._registry
        )
        self._texts = Counter("embedtune_texts", "Texts computed, by lane.", ("lane",), registry=self._registry)
        self._busy = Counter("embedtune_busy_seconds", "Time spent computing.", ("lane",), registry=self._registry)
        self._sizes = Histogram(
            "embedtune_batch_size", "Texts of a batch.", ("lane",), buckets=_SIZES, registry=self._registry
        )
        Gauge("embedtune_waiting", "Texts that wait.", registry=self._registry).set_function(waiting)

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def batch(self, lane: str, size: int, seconds: float) -> None:
        """Count a batch."""
        self._texts.labels(lane).inc(size)
        self._busy.labels(lane).inc(seconds)
        self._sizes.labels(lane).observe(size)

    def text(self) -> bytes:
        """Return all figures in Prometheus's text form."""
        return generate_latest(self._registry)
