"""A passage to judge, as the page shows it: whole, without a word on who found it."""

from __future__ import annotations

import re

from embedtune.serving.excerpts import Excerpts
from embedtune.ui.judging import Task
from embedtune.ui.rendering import Piece, fill, pieces_of, place_of

_STRETCHES = re.compile(r"\s+|\S+")


class TaskViews:
    """Makes the HTML of tasks."""

    def __init__(self, excerpts: Excerpts) -> None:
        """Mark words by the analysis of this corpus."""
        self._excerpts = excerpts

    def show(self, task: Task) -> str:
        """Return the HTML of a task; all white space of the text stays, for code and tables need it."""
        pieces: list[Piece] = []
        for stretch in _STRETCHES.findall(task.passage.text):
            marked = pieces_of(self._excerpts(stretch, task.query.text, width=len(stretch)))
            pieces += [Piece(stretch, False)] if stretch.isspace() else marked
        return fill("task.html", task=task, place=place_of(task.passage), pieces=pieces)
