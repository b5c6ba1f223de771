from __future__ import annotations

from dataclasses import asdict

from embedtune.config.settings import ReadingConfig
from embedtune.documents.limits import ReadingLimits


def test_settings_and_limits_have_the_same_names_and_defaults():
    assert ReadingConfig().model_dump() == asdict(ReadingLimits())


def test_text_is_counted_in_characters():
    assert ReadingLimits(max_text_mb=3).max_chars == 3_000_000
