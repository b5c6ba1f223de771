from __future__ import annotations

import random

import pytest

from embedtune.documents.sampling import CHARS_PER_PASSAGE, PassageSample
from embedtune.types import Passage


def passages(n: int, text: str = "x") -> list[Passage]:
    return [Passage(f"p-{number}", f"d{number // 2}", "", text, 0, len(text)) for number in range(n)]


def draw(given, size, seed=0, **options):
    sample = PassageSample(size, seed, **options)
    for passage in given:
        sample.add(passage)
    return sample


def test_few_passages_are_all_kept_in_their_order():
    sample = draw(passages(100), 100)
    assert sample.is_whole
    assert sample.passages() == passages(100)


def test_of_more_a_sample_is_kept_that_the_seed_decides_and_not_the_order():
    given = passages(1000)
    sample = draw(given, 100)
    kept = sample.passages()
    assert not sample.is_whole
    assert len(kept) == 100
    assert kept == sorted(kept, key=given.index)
    shuffled = random.Random(1).sample(given, len(given))
    assert set(draw(shuffled, 100).passages()) == set(kept) == set(draw(given, 100).passages())
    assert set(draw(given, 100, seed=1).passages()) != set(kept)


def test_every_passage_has_the_same_chance():
    given = passages(1000)
    halves = [
        sum(int(passage.passage_id[2:]) < 500 for passage in draw(given, 100, seed=s).passages()) for s in range(40)
    ]
    assert sum(halves) / len(halves) == pytest.approx(50, abs=3)  # its standard error is 0.75


def test_long_passages_are_bounded_by_their_characters_whatever_their_order():
    given = [passage._replace(text="x" * (1 + 9000 * (number % 3))) for number, passage in enumerate(passages(300))]
    kept = draw(given, 100).passages()
    assert CHARS_PER_PASSAGE * 100 * 0.8 < sum(len(passage.text) for passage in kept) <= CHARS_PER_PASSAGE * 100
    assert set(draw(given[::-1], 100).passages()) == set(kept)


def test_wanted_documents_are_kept_beyond_the_bound():
    sample = draw(passages(1000), 100, wanted={"d7", "d300"})
    kept = sample.passages()
    assert {"p-14", "p-15", "p-600", "p-601"} <= {passage.passage_id for passage in kept}
    assert len(kept) == 104
