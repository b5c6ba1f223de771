from __future__ import annotations

import pytest

from embedtune.fingerprints import Fingerprints, fingerprint


@pytest.mark.parametrize("in_memory", [1 << 20, 3])
def test_every_occurrence_but_the_first_is_a_repeat(tmp_path, monkeypatch, in_memory):
    monkeypatch.setattr("embedtune.fingerprints._IN_MEMORY", in_memory)
    texts = Fingerprints(tmp_path)
    for text in ("a", "b", "a", "c", "", "a", "c", "\ud800"):
        texts.add(text)
    assert len(texts) == 8
    assert texts.repeats().tolist() == sorted(map(fingerprint, "aac"))
    assert list(tmp_path.iterdir()) == []  # the file has no name
    texts.add("b")
    assert texts.repeats().tolist() == sorted(map(fingerprint, "aabc"))


def test_nothing_has_no_repeats():
    assert Fingerprints().repeats().tolist() == []
