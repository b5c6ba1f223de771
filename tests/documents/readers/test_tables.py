from __future__ import annotations

import pytest

from embedtune.documents.readers.tables import Cell, describe, describe_table

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


HOURS = [
    [Cell("Site", rows=2), Cell("Hours", columns=2)],
    ["Summer", "Winter"],
    [Cell("Harrow", rows=2), "8-20", "9-16"],
    ["8-22 (Fri)", "9-18 (Fri)"],
    ["Tansy", Cell("closed", columns=2)],
    [Cell("All prices include tax.", columns=3)],
]


def test_a_cell_stands_in_all_rows_and_columns_that_it_reaches():
    assert (
        describe_table(HOURS)
        == describe_table(HOURS, header=True)
        == [
            "Site: Harrow; Hours Summer: 8-20; Hours Winter: 9-16",
            "Site: Harrow; Hours Summer: 8-22 (Fri); Hours Winter: 9-18 (Fri)",
            "Site: Tansy; Hours Summer: closed; Hours Winter: closed",
            "All prices include tax.",
        ]
    )


def test_a_title_over_all_columns_is_a_line_by_itself():
    rows = [[Cell("Opening hours", columns=3)], ["site", "from", "to"], ["Harrow", "8", "20"]]
    assert describe_table(rows) == ["Opening hours", "site: Harrow; from: 8; to: 20"]


def test_a_box_of_facts_has_no_names():
    rows = [[Cell("Harrow", columns=2)], ["Type", "market town"], ["Inhabitants", "2,310"]]
    assert describe_table(rows) == ["Harrow", "Type: market town", "Inhabitants: 2,310"]


def test_facts_of_a_report_stand_above_the_names():
    rows = [["Report of May", "", ""], ["Department: water", "", ""], ["", "", ""], ["a", "b", "c"], ["1", "2", "3"]]
    assert describe_table(rows, header=True) == ["Report of May", "Department: water", "a: 1; b: 2; c: 3"]


def test_names_that_are_repeated_on_each_page_are_no_row():
    rows = [["name", "born"], ["Ada", "1815"], ["name", "born"], ["Alan", "1912"]]
    assert describe_table(rows) == ["name: Ada; born: 1815", "name: Alan; born: 1912"]


def test_a_note_below_the_table_stands_alone():
    rows = [
        ["a", "b", "c"],
        ["1", "2", "3"],
        ["Source: the office of the mill, on the first of May", "", ""],
        ["x", "", ""],
    ]
    assert describe_table(rows) == ["a: 1; b: 2; c: 3", "Source: the office of the mill, on the first of May", "a: x"]


@pytest.mark.parametrize("cell", [Cell("x", rows=10**9, columns=10**9), Cell("x", rows=-1, columns=0)])
def test_a_reach_that_cannot_be_is_bounded(cell):
    assert len(describe_table([[cell], ["y"]], header=False)) == 2
