from __future__ import annotations

import re

from tests.repo.slow_patterns import patterns, slow


def test_no_pattern_of_the_package_takes_more_than_linear_time() -> None:
    found = {name: text for name, pattern in patterns() if (text := slow(pattern, 4_000, every=5))}
    assert not found


def test_a_slow_pattern_is_found() -> None:
    for pattern in (r"a+b", r"[ ]+$"):  # longer texts, which take long on a fast machine too; a busy one blurs a ratio
        assert any(slow(re.compile(pattern), 16_000) for _ in range(3))
    assert not slow(re.compile(r"(?<!a)a++b"), 4_000)
