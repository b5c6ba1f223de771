"""``embedtune fit-query-adapter``."""

from __future__ import annotations

from pathlib import Path

import click

from embedtune.cli import options, output

_RUN = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("fit-query-adapter")
@click.argument("run", type=_RUN)
@click.option("--embedding", required=True, metavar="PROVIDER:MODEL", help="openai:MODEL, or a class of LlamaIndex.")
@click.option("--base-url", metavar="URL", help="A server with OpenAI's interface; keys come from the environment.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of train, such as teacher=bm25.")
@click.option("--force", is_flag=True, help="Fit anew; vectors that are there are not asked for again.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Print no progress on stderr.")
@click.option("-v", "--verbose", is_flag=True, help="Print what libraries log too.")
def command(
    run: Path,
    embedding: str,
    base_url: str | None,
    settings: tuple[str, ...],
    force: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Fit a map of the query vectors of an embedder that is not yours to change, on the dataset of RUN.

    Each text is sent to the embedder once, and its vector kept in RUN/.vectors. Passages, and every index of them, stay as
    they are.

    \b
    Example: embedtune fit-query-adapter runs/mine --embedding openai:text-embedding-3-small
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.config.settings import TrainConfig, load_config
    from embedtune.pipeline.hosted_embeddings import load_embedding
    from embedtune.pipeline.query_adapter import fit_query_adapter

    options.set_up_logging(quiet=quiet, verbose=verbose)
    config = load_config(TrainConfig, section="train", settings=("method=linear", *settings))
    name = f"{embedding} at {base_url}" if base_url else embedding  # one name may mean another model on another server
    result = fit_query_adapter(run, load_embedding(embedding, base_url), name, config, force=force)
    output.show("fit-query-adapter", result, as_json=as_json)
