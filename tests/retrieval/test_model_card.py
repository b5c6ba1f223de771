"""What a card says, in the forms that cards have."""

from __future__ import annotations

from pathlib import Path

import pytest

from embedtune.retrieval.model_card import stated_languages


@pytest.mark.parametrize(
    ("card", "stated"),
    [
        ("---\nlanguage: en\nlicense: mit\n---\n# Model", {"en"}),
        ("---\nlanguage:\n- en\n- FR\n---\n", {"en", "fr"}),
        ("---\nlanguage:\n- multilingual\n---\n", {"multilingual"}),
        ("---\nlanguage:\n- no\n---\n", {"no"}),
        ("---\nlicense: mit\n---\n", None),
        ("---\nlanguage: [\n---\n", None),
        ("---\nnever closed\nlanguage: en\n", None),
        ("# A model\nlanguage: en\n", None),
        ("---\n- en\n---\n", None),
        ("", None),
    ],
)
def test_languages_of_a_card(tmp_path: Path, card: str, stated: set[str] | None):
    (tmp_path / "README.md").write_text(card, encoding="utf-8")
    assert stated_languages(tmp_path) == stated


def test_no_card_states_nothing(tmp_path: Path):
    assert stated_languages(tmp_path) is None


def test_the_default_model_is_for_english(model_folder: Path):
    assert stated_languages(model_folder) == {"en"}
