"""``embedtune fit-query-adapter``."""

from __future__ import annotations

from pathlib import Path

import click

from embedtune.cli import options, output


@click.command("fit-query-adapter")
@click.argument("run", type=options.RUN)
@click.option("--embedding", required=True, metavar="PROVIDER:MODEL", help="openai:MODEL, or a LlamaIndex class.")
@click.option("--base-url", metavar="URL", help="A server with OpenAI's API; the key comes from the environment.")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a setting of train, such as teacher=bm25; repeatable.",
)
@click.option("--force", is_flag=True, help="Fit again; texts that were embedded before are not sent again.")
@options.AS_JSON
@options.logged
def command(
    run: Path, embedding: str, base_url: str | None, settings: tuple[str, ...], force: bool, as_json: bool
) -> None:
    """Fit a linear query adapter for a closed embedding API, on the dataset of RUN.

    Each text is sent to the API once, and its vector is kept in RUN/.vectors. Document embeddings, and every index of them,
    stay as they are.

    \b
    Example: embedtune fit-query-adapter runs/mine --embedding openai:text-embedding-3-small
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.config.settings import TrainConfig, load_config
    from embedtune.pipeline.hosted_embeddings import load_embedding
    from embedtune.pipeline.query_adapter import fit_query_adapter

    config = load_config(TrainConfig, section="train", settings=("method=linear", *settings))
    name = f"{embedding} at {base_url}" if base_url else embedding  # one name may mean another model on another server
    result = fit_query_adapter(run, load_embedding(embedding, base_url), name, config, force=force)
    output.show("fit-query-adapter", result, as_json=as_json)
