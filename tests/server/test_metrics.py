from __future__ import annotations

from embedtune.server.metrics import Metrics


def test_requests_and_batches_are_counted():
    metrics = Metrics(lambda: 7)
    metrics.request("/search", 200, 0.03)
    metrics.batch("query", 8, 0.5)
    text = metrics.text().decode()
    assert 'embedtune_requests_total{path="/search",status="200"} 1.0' in text
    assert 'embedtune_request_seconds_bucket{le="0.05",path="/search"} 1.0' in text
    assert 'embedtune_texts_total{lane="query"} 8.0' in text
    assert 'embedtune_busy_seconds_total{lane="query"} 0.5' in text
    assert "embedtune_waiting 7.0" in text
