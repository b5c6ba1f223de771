from __future__ import annotations

import pytest

from embedtune.documents.readers.rows import describe, describe_table

PEOPLE = [["name", "born"], ["Ada", "1815"], ["Alan", ""]]


def test_each_row_repeats_the_names_of_its_columns():
    assert describe_table(PEOPLE, header=True) == ["name: Ada; born: 1815", "name: Alan"]
    assert describe_table(PEOPLE) == describe_table(PEOPLE, header=True)


@pytest.mark.parametrize(
    "rows",
    [[["Q1", "12"], ["Q2", "14"]], [["a", "a"], ["b", "c"]], [["a", ""], ["b", "c"]], [["a", "x" * 99], ["b", "c"]]],
)
def test_first_row_that_names_nothing_is_a_row(rows):
    assert len(describe_table(rows)) == 2


def test_rows_without_names_are_joined_by_bars_and_two_cells_by_a_colon():
    assert describe_table([["a", "b", "c"], ["1", "2", "3", "4"]], header=False) == ["a | b | c", "1 | 2 | 3 | 4"]
    assert describe_table([["Total", "12"]], header=False) == ["Total: 12"]
    assert describe_table([["Total:", "12"]], header=False) == ["Total: | 12"]


def test_header_alone_is_not_lost():
    assert describe_table([["name", "born"]], header=True) == ["name | born"]


def test_blank_rows_and_line_ends_in_cells_go():
    assert describe_table([["a", "b"], ["", " "], ["x\n y", "z"]], header=True) == ["a: x y; b: z"]
    assert describe_table([]) == []


def test_cell_beyond_the_names_stands_alone():
    assert describe(["a"], ["1", "2"]) == "a: 1; 2"
