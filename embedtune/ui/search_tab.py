"""The tab in which queries are typed."""

from __future__ import annotations

import gradio as gr

from embedtune.ui.rendering import EVENT, or_message
from embedtune.ui.run_comparison import RunComparison
from embedtune.ui.search_view import show_search

_MOST = 20


def build(runs: RunComparison) -> None:
    """Put the tab's parts on the page that is being built."""
    with gr.Row(elem_classes="asking"):
        query = gr.Textbox(label="query", placeholder="what would you ask?", scale=5, autofocus=True, elem_id="query")
        k = gr.Number(label="passages", value=5, minimum=1, maximum=_MOST, precision=0, scale=1, min_width=90)
        button = gr.Button("Search", variant="primary", scale=1, min_width=90)
    found = gr.HTML(js_on_load=None, elem_id="found")

    def search(text: str, number: float) -> str:
        return or_message(lambda: show_search(runs.compare(text, min(_MOST, max(1, int(number or 1))))))

    gr.on([query.submit, button.click], search, [query, k], found, **EVENT)
