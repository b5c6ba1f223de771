import pytest

from embedtune.errors import DataError
from embedtune.ui.errors import note, or_message


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
