"""The page of three tabs: search for passages, browse the wins and losses of an evaluation, judge passages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from embedtune.errors import EmbedtuneError
from embedtune.extras import requires
from embedtune.serving.excerpts import Excerpts
from embedtune.ui.browsing import ALL, GAINS, LOSSES, Browsing, Choice
from embedtune.ui.judging import JudgementFolder, Judging, Task, show_task
from embedtune.ui.run_comparison import RunComparison
from embedtune.ui.views import EVENT, message, note, or_message, show_search

_MOST = 20


def _build_search(runs: RunComparison) -> None:
    """Put the tab's parts on the page that is being built."""
    with gr.Row(elem_classes="asking"):
        query = gr.Textbox(label="query", placeholder="what would you ask?", scale=5, autofocus=True, elem_id="query")
        k = gr.Number(label="passages", value=5, minimum=1, maximum=_MOST, precision=0, scale=1, min_width=90)
        button = gr.Button("Search", variant="primary", scale=1, min_width=90)
    found = gr.HTML(js_on_load=None, elem_id="found")

    def search(text: str, number: float) -> str:
        return or_message(lambda: show_search(runs.compare(text, min(_MOST, max(1, int(number or 1))))))

    gr.on([query.submit, button.click], search, [query, k], found, **EVENT)


def _build_browse(browsing: Browsing, names: list[str], page: gr.Blocks) -> gr.Dropdown:
    """Put the tab's parts on the page that is being built; return the choice of runs."""
    with gr.Row():
        run = gr.Dropdown(names, value=names[0], label="run", min_width=120, elem_id="run")
        queries = gr.Dropdown([], label="queries", min_width=170)
        pair = gr.Dropdown([], label="systems", min_width=200)
        measure = gr.Dropdown([], label="measure", min_width=130, elem_id="measure")
        slice_ = gr.Dropdown([ALL], value=ALL, label="slice", min_width=200, elem_id="slice")
        side = gr.Radio([GAINS, LOSSES], value=GAINS, label="biggest", min_width=190, elem_id="side")
    chosen = [run, queries, pair, measure, slice_, side]
    summary = gr.HTML(js_on_load=None, elem_id="summary")
    with gr.Row():
        rows = gr.Radio([], label="points and query", elem_id="changes", scale=2, min_width=300)
        with gr.Column(scale=5, min_width=300):
            view = gr.HTML(js_on_load=None, elem_id="view")

    def refresh(*choice: Any) -> list[Any]:
        try:
            offer = browsing.offer(_as_choice(choice))
        except EmbedtuneError as error:
            return [gr.skip()] * 4 + [message(error), gr.Radio([], value=None), ""]
        valid = offer.choice
        return [
            gr.Dropdown(offer.queries, value=valid.queries),
            gr.Dropdown(offer.pairs, value=valid.pair),
            gr.Dropdown(offer.measures, value=valid.measure),
            gr.Dropdown(offer.slices, value=valid.slice),
            note(offer.summary),
            gr.Radio([(text, change.query.query_id) for text, change in offer.rows], value=None),
            "",
        ]

    def show(query_id: str | None, *choice: Any) -> str:
        return or_message(lambda: browsing.show(_as_choice(choice), query_id)) if query_id else ""

    outputs = [queries, pair, measure, slice_, summary, rows, view]
    gr.on([page.load, *(each.input for each in chosen)], refresh, chosen, outputs, **EVENT)
    rows.input(show, [rows, *chosen], view, **EVENT)
    return run


def _as_choice(choice: tuple[Any, ...]) -> Choice:
    return Choice(*(each or "" for each in choice))


_GRADES: dict[str, int | None] = {"Relevant": 1, "Not relevant": 0, "Skip": None}
_OUTPUTS = 3 + len(_GRADES)
_QUICKEST = 0.3  # seconds after a passage came; who clicks sooner has double-clicked the one before
_DONE = "Nothing is left to judge. Type further queries; what was skipped comes again when the page is started anew."


class _Tab:
    """What the tab's events do; each returns progress, ids of the passage, its HTML, and whether there is one to judge."""

    def __init__(self, judging: Judging, excerpts: Excerpts) -> None:
        self._judging = judging
        self._excerpts = excerpts
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
            task, progress = work(), note(self._judging.progress())
        except EmbedtuneError as error:
            return [message(error), *[gr.skip()] * (_OUTPUTS - 1 + len(more))]
        buttons = [gr.Button(interactive=task is not None)] * len(_GRADES)
        self._shown = monotonic()
        ids = (task.query.query_id, task.passage.passage_id) if task else None
        shown = show_task(task, self._excerpts) if task else note(_DONE)
        return [progress, ids, shown, *buttons, *more]


def _build_judge(judging: Judging, excerpts: Excerpts, page: gr.Blocks) -> None:
    """Put the tab's parts on the page that is being built."""
    progress = gr.HTML(js_on_load=None, elem_id="progress")
    current = gr.State(None)
    task = gr.HTML(js_on_load=None, elem_id="task")
    with gr.Row(elem_id="verdicts"):
        buttons = [gr.Button(name, size="md", min_width=60, interactive=False) for name in _GRADES]
        back = gr.Button("Back", size="md", min_width=60)
    with gr.Row(elem_classes="asking"):
        new_queries = gr.Textbox(
            label="queries, one a line, as people ask them",
            lines=2,
            scale=5,
            elem_id="new-queries",
            placeholder="how do I get a refund",
        )
        ask = gr.Button("Judge these", variant="primary", scale=1, min_width=110)
    tab, outputs = _Tab(judging, excerpts), [progress, current, task, *buttons]
    page.load(tab.begin, None, outputs, **EVENT)
    ask.click(tab.ask, new_queries, [*outputs, new_queries], **EVENT)
    back.click(tab.back, None, outputs, **EVENT)
    for button in buttons:
        button.click(tab.say, [button, current], outputs, **EVENT)


with requires("embedtune[ui]"):
    import gradio as gr


def theme() -> gr.themes.Base:
    """Return a theme of the reader's own fonts: others would be fetched from a server."""
    return gr.themes.Base(primary_hue="teal", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])


def build_page(runs: RunComparison, judgements: JudgementFolder) -> gr.Blocks:
    """Return the page over these runs."""
    browsing = Browsing(runs)
    judging = Judging(runs, judgements, expected=browsing.differences())
    title = f"embedtune · {next(iter(runs.opened))}"
    with gr.Blocks(title=title, analytics_enabled=False) as page:
        with gr.Tab("Search"):
            _build_search(runs)
        with gr.Tab("Browse"):
            run = _build_browse(browsing, list(runs.opened), page)
        with gr.Tab("Judge"):
            _build_judge(judging, runs.excerpts, page)
        with gr.Accordion("Compare another run", open=False):
            _build_adding(runs, run)
    return page


def _build_adding(runs: RunComparison, choice: gr.Dropdown) -> None:
    with gr.Row(elem_classes="asking"):
        folder = gr.Textbox(label="run folder, over the same corpus", scale=5, elem_id="folder")
        button = gr.Button("Open", scale=1, min_width=90)
    answer = gr.HTML(js_on_load=None, elem_id="opened")

    def add(name: str) -> tuple[str, gr.Dropdown]:
        said = or_message(lambda: note(f"{runs.add(Path(name.strip()))} is searched, browsed and pooled too."))
        return said, gr.Dropdown(list(runs.opened))

    gr.on([folder.submit, button.click], add, folder, [answer, choice], **EVENT)
