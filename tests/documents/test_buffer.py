from __future__ import annotations

import random

import pytest

from embedtune.documents.buffer import CHARS_PER_PASSAGE, DocumentBuffer, PassageSample, in_blocks
from embedtune.errors import ResourceError
from embedtune.types import Document, Passage, Section

DOCUMENTS = [
    Document("a.pdf", "Tank", "Fill it.\nNow.", (Section(("Tank", "Water"), 0, 8),), (0, 9)),
    Document("b.txt", "", "東京 \u2028 \ud800"),
    Document("b.txt", "", "more", (), (), 7),
]


@pytest.mark.parametrize("in_memory", [1 << 20, 10])
def test_documents_come_back_as_often_as_they_are_asked_for(tmp_path, monkeypatch, in_memory):
    monkeypatch.setattr("embedtune.documents.buffer._IN_MEMORY", in_memory)
    buffer = DocumentBuffer(iter(DOCUMENTS), tmp_path)
    assert list(buffer) == list(buffer) == DOCUMENTS
    assert list(zip(buffer, buffer, strict=True)) == [(each, each) for each in DOCUMENTS]
    assert DOCUMENTS[1] in buffer
    assert list(tmp_path.iterdir()) == []  # the file has no name


def test_parts_of_a_document_count_once():
    assert len(DocumentBuffer(DOCUMENTS)) == 2
    assert len(DocumentBuffer([])) == 0


def test_full_disk_is_reported(tmp_path, monkeypatch):
    monkeypatch.setattr("embedtune.documents.buffer._IN_MEMORY", 10)
    with pytest.raises(ResourceError, match="expected room for the text of the documents, found"):
        DocumentBuffer(DOCUMENTS, tmp_path / "none")


def test_blocks_are_bounded_in_number_and_length_and_hold_everything_in_order():
    texts = ["a", "bb", "ccc", "dddddddd", "e", "f", "g", "h"]
    blocks = list(in_blocks(texts, len, max_items=3, max_chars=6))
    assert blocks == [["a", "bb", "ccc"], ["dddddddd"], ["e", "f", "g"], ["h"]]
    assert list(in_blocks([], len, max_items=3, max_chars=6)) == []


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
