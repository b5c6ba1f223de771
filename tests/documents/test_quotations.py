"""Texts are found in documents, whatever their case, white space and punctuation."""

from __future__ import annotations

import pytest

from embedtune.documents.quotations import find_texts
from embedtune.types import Document, Place

DOCUMENTS = [
    Document("help/tank.md", "Tank", "Fill the tank with **cold** water.\n\nRinse it once a week."),
    Document("Größe.md", "", "Die Größe der Pumpe: 東京都の水道局は水を配る。"),
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("fill the tank with cold\nWATER", ["Fill the tank with **cold** water"]),
        ("Tank: Fill the tank", ["Fill the tank"]),
        ("die größe der pumpe", ["Die Größe der Pumpe"]),
        ("水道局は", ["水道局は"]),
        ("the tank with", None),  # three words may stand anywhere
        ("fill the tanks with cold water", None),
        ("…", None),
    ],
)
def test_texts_are_found_whatever_their_case_and_white_space(text, found):
    texts = {document.document_id: document.text for document in DOCUMENTS}
    places = find_texts([text], DOCUMENTS).get(text)
    assert found == (places and [texts[name][start:end] for name, start, end in places])


def test_later_parts_of_a_document_have_its_offsets():
    parts = [Document("a", "", "One two three four."), Document("a", "", "Five six seven eight.", offset=20)]
    assert find_texts(["six seven eight", "five six seven eight"], parts) == {
        "five six seven eight": [Place("a", 20, 40)]
    }
