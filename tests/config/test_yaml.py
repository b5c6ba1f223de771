"""YAML with places, and texts that mean harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedtune.config.yaml import read_yaml, shortened


def read(text):
    return read_yaml(text, lambda line: f"x:{line}")


def test_values_and_lines_of_all_keys():
    found = read("a: 1\nb:\n  c: [x, {d: 2.5}]\n  e: null\n")
    assert found.value == {"a": 1, "b": {"c": ["x", {"d": 2.5}], "e": None}}
    assert found.lines == {("a",): 1, ("b",): 2, ("b", "c"): 3, ("b", "c", "1", "d"): 3, ("b", "e"): 4}
    assert found.problems == []


def test_keys_are_strings_as_written_and_dates_too():
    assert read("on: 2024-13-45\n5: 2024-01-02\n").value == {"on": "2024-13-45", "5": "2024-01-02"}


def test_an_alias_is_read_where_it_stands():
    assert read("a: &x {b: 1}\nc: *x\n").value == {"a": {"b": 1}, "c": {"b": 1}}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", "x:3: a is given twice; the first is in line 1"),
        ("a: {b: 1,\n b: 2}", "x:2: a.b is given twice; the first is in line 1"),
        ("a: !!python/name:os.system x", "x:1: expected a plain value"),
        ("a: !thing {b: 1}", "x:1: expected a plain list or mapping, found the tag '!thing'"),
        ("? [a]\n: 1", "x:1: expected the name of a setting"),
        ("d: &d {a: 1}\ne:\n  <<: *d", "x:3: merge keys"),
        ('a: "\\ud800"', "x:1: expected a plain value"),
        ('a: "b\\0"', "x:1: expected a plain value"),
        ("a: !!int 1x", "x:1: expected a plain value"),
        ("a: 1\n\tb: 2", "x:2: expected YAML, found a syntax error"),
        ("a: 1\n---\nb: 2", "x:2: expected YAML, found a syntax error: expected a single document"),
        ("a: b\x07", "x:1: expected YAML, found a syntax error"),
        ("a: *b", "x:1: expected YAML, found a syntax error: found undefined alias"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text, problem):
    found = read(text)
    assert len(found.problems) == 1
    assert found.problems[0].startswith(problem)


@pytest.mark.parametrize("text", ["[" * 90_000, "- " * 5_000, "{a: " * 30 + "1" + "}" * 30, "&a [*a]", "a: &a {b: *a}"])
def test_deep_nesting_is_refused(text):
    found = read(text)
    assert found.value is None
    assert "levels of nesting" in found.problems[0]


def test_aliases_that_multiply_are_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    found = read("\n".join(lines))
    assert found.value is None
    assert "values, found more when aliases are written out" in found.problems[0]


def test_a_huge_text_is_refused_unread():
    assert "expected at most 200,000 characters, found 300,000" in read("x" * 300_000).problems[0]


@given(st.text(max_size=200))
def test_any_text_is_read_or_has_a_problem(text):
    found = read(text)
    assert found.value is None or found.problems or isinstance(found.value, dict | list | str | int | float | bytes)


@pytest.mark.parametrize("value", ["x" * 500, 1 << 50_000, "a\ud800", ["y"] * 300], ids=range(4))
def test_any_value_is_shown_in_one_short_line(value):
    assert len(shortened(value)) <= 100
    shortened(value).encode("utf-8")
