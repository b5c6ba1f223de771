"""Cross-encoders, by a random one of one layer."""

import pytest

from embedtune.errors import ConfigError
from embedtune.models.cross_encoder import load_cross_encoder


def test_each_pair_has_a_score(cross_encoder):
    score = load_cross_encoder(str(cross_encoder), "guide")
    first, second = score([("a", "b"), ("a", "something else")])
    assert first != second
    assert score([("a", "something else")]) == pytest.approx([second], abs=1e-6)


def test_what_is_none_is_named_with_its_setting(tmp_path):
    with pytest.raises(ConfigError, match=r"mine\.guide: expected a cross-encoder .* found none in '.*/none'"):
        load_cross_encoder(str(tmp_path / "none"), "mine.guide")
