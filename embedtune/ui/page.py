"""The whole page."""

from __future__ import annotations

from pathlib import Path

from embedtune.extras import requires
from embedtune.ui.browsing import Browsing
from embedtune.ui.judgement_folder import JudgementFolder
from embedtune.ui.judging import Judging, TaskViews
from embedtune.ui.rendering import note, or_message
from embedtune.ui.run_comparison import RunComparison

with requires("embedtune[ui]"):
    import gradio as gr

from embedtune.ui import browse_tab, judge_tab, search_tab
from embedtune.ui.rendering import EVENT

_SANS = ("system-ui", "sans-serif")
_MONO = ("ui-monospace", "monospace")


def theme() -> gr.themes.Base:
    """Return a theme of the reader's own fonts: others would be fetched from a server."""
    return gr.themes.Base(primary_hue="teal", font=list(_SANS), font_mono=list(_MONO))


def build_page(runs: RunComparison, judgements: JudgementFolder) -> gr.Blocks:
    """Return the page over these runs."""
    browsing = Browsing(runs)
    judging = Judging(runs, judgements, expected=browsing.differences())
    title = f"embedtune · {next(iter(runs.opened))}"
    with gr.Blocks(title=title, analytics_enabled=False) as page:
        with gr.Tab("Search"):
            search_tab.build(runs)
        with gr.Tab("Browse"):
            run = browse_tab.build(browsing, list(runs.opened), page)
        with gr.Tab("Judge"):
            judge_tab.build(judging, TaskViews(runs.excerpts), page)
        with gr.Accordion("Another run beside", open=False):
            _build_adding(runs, run)
    return page


def _build_adding(runs: RunComparison, choice: gr.Dropdown) -> None:
    with gr.Row(elem_classes="asking"):
        folder = gr.Textbox(label="run folder, over the same corpus", scale=5, elem_id="folder")
        button = gr.Button("Open", scale=1, min_width=90)
    told = gr.HTML(js_on_load=None, elem_id="told")

    def add(name: str) -> tuple[str, gr.Dropdown]:
        said = or_message(lambda: note(f"{runs.add(Path(name.strip()))} is searched, browsed and pooled too."))
        return said, gr.Dropdown(list(runs.opened))

    gr.on([folder.submit, button.click], add, folder, [told, choice], **EVENT)
