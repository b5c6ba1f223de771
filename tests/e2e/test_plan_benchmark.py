from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.plan import simulate, tables

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"


def test_without_failures_all_workers_end_together():
    assert simulate(12, 60.0, 1e12, workers=3) == (240.0, 0.0)
    assert simulate(10, 60.0, 1e12, workers=3) == (240.0, 0.0)


def test_failures_cost_time_and_longer_blocks_more():
    short, long = simulate(1000, 60.0, 3600.0, workers=10), simulate(100, 600.0, 3600.0, workers=10)
    assert 6000 < short[0] < long[0]
    assert 0 < short[1] < long[1]
    # Of a block that fails half is lost on average, and one in six blocks of ten minutes fails within an hour.
    assert long[1] == pytest.approx(0.5 * 600 / 3600, abs=0.06)


def test_the_page_shows_what_the_benchmark_prints():
    page = PAGE.read_text(encoding="utf-8")
    assert [line for line in tables(core_hour=0.05, failure_hours=12) if line not in page] == []
