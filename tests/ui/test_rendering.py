import pytest
from jinja2 import UndefinedError

from embedtune.errors import DataError
from embedtune.serving.excerpts import Excerpt
from embedtune.types import Passage
from embedtune.ui.views import EVENT, Piece, fill, note, or_message, pieces_of, place_of, shown
from tests.ui.hostile_run import HOSTILE


def test_one_event_runs_at_a_time():
    assert EVENT["concurrency_limit"] == 1
    assert EVENT["concurrency_id"]


def fails():
    raise DataError("<b>: expected x, found y", hint="do & z")


def test_an_error_is_shown_with_its_hint_and_other_exceptions_are_bugs():
    html = or_message(fails)
    assert '<p class="error">&lt;b&gt;: expected x, found y</p>' in html
    assert "do &amp; z" in html
    with pytest.raises(ZeroDivisionError):
        or_message(lambda: str(1 / 0))


def test_what_works_is_returned_as_it_is():
    assert or_message(lambda: note("fine")) == note("fine")


@pytest.mark.parametrize("text", HOSTILE)
def test_every_text_is_escaped(text):
    html = fill("message.html", kind="note", text=text, hint=text)
    inside = (
        html.replace('<div class="embedtune"><p class="note">', "")
        .replace('</p><p class="note">', "")
        .replace("</p></div>", "")
    )
    assert "<" not in inside
    assert '"' not in inside


def test_an_excerpt_becomes_pieces_that_make_it_again():
    excerpt = Excerpt("…clean the spray arm", [(1, 6), (11, 16)])
    pieces = pieces_of(excerpt)
    assert pieces == [
        Piece("…", False),
        Piece("clean", True),
        Piece(" the ", False),
        Piece("spray", True),
        Piece(" arm", False),
    ]
    assert pieces_of(Excerpt("", [])) == []


def test_a_place_names_file_path_and_page():
    assert place_of(Passage("p-1", "a.pdf", "Cars › Brakes", "x", 0, 1, 4)) == "a.pdf › Cars › Brakes, page 4"
    assert place_of(Passage("p-1", "a.txt", "", "x", 0, 1)) == "a.txt"


def test_a_long_text_is_cut_and_a_missing_value_is_told():
    assert len(shown(Passage("p", "d", "", "x" * 50_000, 0, 50_000), Excerpt("x", [])).text) == 20_001
    with pytest.raises(UndefinedError):
        fill("message.html", kind="note")
