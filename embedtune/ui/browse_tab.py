"""The tab in which wins and losses of an evaluation are looked at."""

from __future__ import annotations

from typing import Any

import gradio as gr

from embedtune.errors import EmbedtuneError
from embedtune.ui.browsing import ALL, GAINS, LOSSES, Browsing, Choice
from embedtune.ui.rendering import EVENT, message, note, or_message


def build(browsing: Browsing, names: list[str], page: gr.Blocks) -> gr.Dropdown:
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
