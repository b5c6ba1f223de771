import re

from embedtune.types import Passage, Query
from embedtune.ui.judging import Task
from embedtune.ui.task_view import TaskViews

QUERY = Query("q", "clean the spray arm", "typed")


def test_a_task_shows_the_whole_passage_and_no_system(runs):
    found = runs.lists(QUERY.text, 1)["hybrid_tuned"][0].passage
    html = TaskViews(runs.excerpts).show(Task(QUERY, found, 2, 7))
    assert "passage 2 of 7" in html
    assert "<mark>" in html
    assert found.text in re.sub("</?mark>", "", html)
    assert not any(system in html for system in runs.first.systems)


def test_all_white_space_stays(runs):
    text = "def spray():\n    arm   = 1\n\n\treturn arm\n"
    html = TaskViews(runs.excerpts).show(Task(QUERY, Passage("p", "a.py", "", text, 0, len(text)), 1, 1))
    assert text in re.sub("</?mark>", "", html)
    assert html.count("<mark>arm</mark>") == 2
