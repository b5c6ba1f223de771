import base64
import hashlib

import pytest
from jinja2 import UndefinedError

from embedtune.reports.rendering import fill, number, p_value, points, score, share, stylesheet


def test_numbers_are_written_for_people():
    assert [points(value) for value in (0.0123, -0.05, 0.0, -0.00001, None)] == ["+1.2", "−5.0", "0.0", "0.0", "–"]
    assert points(0.0123, 2) == "+1.23"
    assert (score(0.79345), p_value(0.0001), p_value(None), share(0.256), number(12345)) == (
        "0.793", "0.0001", "–", "25.6\N{NO-BREAK SPACE}%", "12,345",
    )  # fmt: skip


def test_the_policy_names_the_style_sheet_by_its_hash():
    text, source = stylesheet()
    assert source == f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
    assert "@media print" in text and "prefers-color-scheme: dark" in text
    assert "http" not in text and "url(" not in text and "</" not in text


def test_a_value_that_is_missing_is_an_error_and_no_blank():
    with pytest.raises(UndefinedError):
        fill("overview.md.jinja", {"data": {}, "rows": [], "systems": [], "forgetting": []})


def test_markdown_is_escaped_once():
    found = {"queries": "a|b <b> [x](y)\n# no", "n_queries": 1, "verdict": {"reasons": [""]}, "systems": {}}
    rows = [("folder", found, {"words": "w_1 _x_"})]
    text = fill("overview.md.jinja", {"data": {"title": "t", "measure": "m"}, "rows": rows, "forgetting": []})
    assert r"**a\|b \<b\> \[x\](y) \# no**" in text
    assert r"w_1 \_x\_" in text
