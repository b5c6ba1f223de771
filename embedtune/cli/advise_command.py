"""``embedtune advise``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from embedtune.cli import options, output

_QUERIES_HELP = "Queries of people: a BEIR folder, a LlamaIndex JSON or a packaged set; none draws some from the text."
_WINDOW_HELP = "Tokens of a chunk now, or planned; other sizes are compared with it."


@click.command("advise")
@click.argument("source", required=False)
@click.option("--queries", help=_QUERIES_HELP)
@click.option("--model", help="Base model: hub name or local folder.")
@click.option("--window", "--window-tokens", "window_tokens", type=int, help=_WINDOW_HELP)
@click.option("--scaling", is_flag=True, help="Also tell whether more queries would help: three small trainings.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Also write the JSON to this file.")
@options.without_work
def command(common: options.Shared, queries: str | None, scaling: bool, out: Path | None, **given: Any) -> None:
    """Say what is worth doing with documents, before anything is made of them: one recommendation, with reasons.

    SOURCE is what generate takes: a folder of documents, a BEIR folder, a LlamaIndex JSON or python-reference. Nothing is
    written without --out. A few minutes; large sources are sampled.

    \b
    Example: embedtune advise docs/
             embedtune advise docs/ --queries my-queries/ --out advice.json
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.advice.advise import advise
    from embedtune.advice.saving import check_file, write_advice
    from embedtune.cli.advise_output import print_advice
    from embedtune.config import GenerateConfig, load_config

    config = load_config(GenerateConfig, section="generate", file=common.file, settings=common.settings, options=given)
    if out:
        check_file(out)
    advice = advise(config, queries=queries, scaling=scaling)
    if out:
        write_advice(advice, out)
    if common.as_json:
        output.print_json(advice.model_dump(mode="json"))
    else:
        print_advice(advice, out)
