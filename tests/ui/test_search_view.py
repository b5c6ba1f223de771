from embedtune.ui.search_view import columns, show_search
from tests.served_runs import QUERIES


def test_columns_are_the_lists_with_their_marks(runs):
    (found,) = runs.compare("clean the spray arm with water", 4).values()
    made = {column.system: column for column in columns(found)}
    assert list(made) == list(found.systems)
    assert [column.system for column in made.values() if column.chosen] == ["tuned"]
    for name, column in made.items():
        assert [row.move for row in column.rows] == [moved.move for moved in found.systems[name]]
        assert len(column.gone) == len(found.gone[name])
    assert {row.kind for row in made["base"].rows} == {""}
    assert all("".join(piece.text for piece in row.passage.pieces) for row in made["base"].rows)


def test_the_page_marks_words_and_says_where_nothing_was_found(runs):
    html = show_search(runs.compare("spray arm", 3))
    assert "<mark>spray</mark>" in html
    assert "<h3>" not in html
    assert "No passage has a word of the query." in show_search(runs.compare(QUERIES[0], 3))
