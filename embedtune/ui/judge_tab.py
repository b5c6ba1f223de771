"""The tab in which passages are judged."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

import gradio as gr

from embedtune.errors import EmbedtuneError
from embedtune.ui.judging import Judging, Task, TaskViews
from embedtune.ui.rendering import EVENT, message, note

_GRADES: dict[str, int | None] = {"Relevant": 1, "Not relevant": 0, "Skip": None}
_OUTPUTS = 3 + len(_GRADES)
_QUICKEST = 0.3  # seconds after a passage came; who clicks sooner has double-clicked the one before
_DONE = "Nothing is left to judge. Type further queries; what was skipped comes again when the page is started anew."


class _Tab:
    """What the tab's events do; each returns progress, ids of the passage, its HTML, and whether there is one to judge."""

    def __init__(self, judging: Judging, views: TaskViews) -> None:
        self._judging = judging
        self._views = views
        self._shown = 0.0

    def begin(self) -> list[Any]:
        return self._answer(self._judging.next)

    def ask(self, text: str) -> list[Any]:
        return self._answer(lambda: self._judging.ask(text), "")

    def say(self, name: str, ids: tuple[str, str] | None) -> list[Any]:
        if ids is None or monotonic() - self._shown < _QUICKEST:
            return [gr.skip()] * _OUTPUTS
        return self._answer(lambda: self._judging.say(*ids, _GRADES[name]))

    def back(self) -> list[Any]:
        return self._answer(self._judging.back)

    def _answer(self, work: Callable[[], Task | None], *more: Any) -> list[Any]:
        """Return what is shown after some work, and ``more``; where it fails, all but the message stays as it is."""
        try:
            return [*self._show(work()), *more]
        except EmbedtuneError as error:
            return [message(error), *[gr.skip()] * (_OUTPUTS - 1 + len(more))]

    def _show(self, task: Task | None) -> list[Any]:
        buttons = [gr.Button(interactive=task is not None)] * len(_GRADES)
        self._shown = monotonic()
        ids = (task.query.query_id, task.passage.passage_id) if task else None
        return [note(self._judging.progress()), ids, self._views.show(task) if task else note(_DONE), *buttons]


def build(judging: Judging, views: TaskViews, page: gr.Blocks) -> None:
    """Put the tab's parts on the page that is being built."""
    progress = gr.HTML(js_on_load=None, elem_id="progress")
    current = gr.State(None)
    task = gr.HTML(js_on_load=None, elem_id="task")
    with gr.Row(elem_id="verdicts"):
        buttons = [gr.Button(name, size="md", min_width=60, interactive=False) for name in _GRADES]
        back = gr.Button("Back", size="md", min_width=60)
    with gr.Row(elem_classes="asking"):
        asked = gr.Textbox(
            label="queries, one a line, as people ask them", lines=2, scale=5, elem_id="asked",
            placeholder="how do I get a refund",
        )  # fmt: skip
        ask = gr.Button("Judge these", variant="primary", scale=1, min_width=110)
    tab, outputs = _Tab(judging, views), [progress, current, task, *buttons]
    page.load(tab.begin, None, outputs, **EVENT)
    ask.click(tab.ask, asked, [*outputs, asked], **EVENT)
    back.click(tab.back, None, outputs, **EVENT)
    for button in buttons:
        button.click(tab.say, [button, current], outputs, **EVENT)
