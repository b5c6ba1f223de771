from __future__ import annotations

import base64
import random
from textwrap import fill

import pytest

from embedtune.documents.encoded_data import without_encoded_data
from embedtune.documents.reading import read_source
from embedtune.types import Document, Section

PICTURE = base64.b64encode(random.Random(0).randbytes(4000)).decode()
HEX = random.Random(1).randbytes(300).hex()


@pytest.mark.parametrize(
    "data",
    [PICTURE, fill(PICTURE, 76), fill(PICTURE, 64).replace("\n", "\r\n"), f"data:image/png;base64,{PICTURE}", HEX,
     base64.urlsafe_b64encode(random.Random(2).randbytes(400)).decode(), fill(HEX.upper(), 60)],
)  # fmt: skip
def test_encoded_data_is_left_out_and_said(data):
    found = without_encoded_data(Document("a.txt", "", f"Fill the tank.\n{data}\nThe lamp blinks."))
    assert found.text.split() == ["Fill", "the", "tank.", "The", "lamp", "blinks."]
    assert "characters of encoded data" in found.notes[0]


@pytest.mark.parametrize(
    "text",
    [
        "d41d8cd98f00b204e9800998ecf8427e and e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "ACGT" * 100,
        "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEKAVQVKVKALPDAQFEVVHSLAKWKRQTLGQHDFSAGEGLYTHMKALRPDEDRLSPLHSVYVDQWDWERVMGDGERQFSTLKSTVEAIWAGIKATEAAVSEEFGLAPFLPDQIHFVHSQELLSRYPDLDAKGRERAIAKDLGAVFLVGIGGKLSDGHRHDVRAPDYDDWSTPSELGHAGLNGDILVWNPVLEDAFELSSMGIRVDADTLKHQLALTGDEDRLELEWHQALLRGEMPQTIGGGIGQSRLTMLLLQLPHIGQVQAGVWPAAVRESVPSLL",
        "/usr/share/" + "some/folder/with/parts/" * 20,
        "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 4,
        "_" * 300 + "-" * 300,
        "0" * 500,
        "東京都" * 200,
    ],
)
def test_what_is_no_encoded_data_stays(text):
    document = Document("a.txt", "", text)
    assert without_encoded_data(document) is document


def test_sections_and_pages_move_with_the_text():
    text = f"Tank\n\nFill it.\n\n{PICTURE}\n\nLamp\n\nIt blinks.\n\n{HEX}"
    lamp = text.index("Lamp")
    sections = (Section(("Tank",), 6, lamp - 2), Section(("Lamp",), lamp + 6, len(text)))
    found = without_encoded_data(Document("a.pdf", "", text, sections, (0, lamp)))
    assert [found.text[start:end].strip() for _, start, end in found.sections] == ["Fill it.", "It blinks."]
    assert [found.text[place:].split()[0] for place in found.pages] == ["Tank", "Lamp"]


def test_it_is_left_out_in_every_format(tmp_path):
    (tmp_path / "a.txt").write_text(f"Fill the tank.\n\n{fill(PICTURE, 76)}\n")
    (tmp_path / "b.html").write_text(f"<p>Fill the tank.</p><p>{PICTURE}</p>")
    (tmp_path / "c.csv").write_text(f"name,picture\ntank,{PICTURE}\n")
    (tmp_path / "d.txt").write_text(PICTURE)
    source = read_source(str(tmp_path))
    assert [PICTURE[:60] in document.text for document in source.documents] == [False] * 3
    assert [name for name, note in source.notes if "encoded" in note] == ["a.txt", "b.html", "c.csv"]
    assert source.skipped[0].document_id == "d.txt" and source.skipped[0].reason.startswith("empty: ")
