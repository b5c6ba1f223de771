"""The commands on a run folder: ``embedtune ui``, ``verify``, ``fit-query-adapter`` and ``mine``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from embedtune.cli import options, output
from embedtune.config.settings import NegativesConfig, load_config


@click.command("ui")
@click.argument("given", type=options.RUN, nargs=-1, metavar="[FOLDER | RUN...]")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of this machine to listen at.")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen at.  [default: a free one]")
@click.option(
    "--judgements",
    type=click.Path(file_okay=False, path_type=Path),
    help="BEIR folder to save judgements in.  [default: RUN/judgements]",
)
@options.TRUST
@options.logged
def ui_command(
    given: tuple[Path, ...], host: str, port: int | None, judgements: Path | None, trust_remote_code: bool | None
) -> None:
    """Make runs, watch them, and search, browse and judge in the browser; Ctrl-C stops the server, not the work.

    Over a FOLDER, by default this one, the page lists the runs below it, and makes new ones from documents below it or from
    files that are dropped. Over RUNs it shows these alone. It reaches nothing else, and answers only to who has the token in
    the address that is printed.

    \b
    Example: embedtune ui
             embedtune ui runs/mine --judgements my-queries/
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.ui.server import serve

    serve(
        given,
        host=host,
        port=port,
        judgements=judgements,
        trust_remote_code=bool(trust_remote_code),
        announce=lambda address: click.echo(f"{address}   (Ctrl-C stops it)"),
    )


@click.command("verify")
@click.argument("run", type=options.RUN)
@options.AS_JSON
def verify_command(run: Path, as_json: bool) -> None:
    """Check the files of RUN against the recorded checksums.

    A stage is stale if an earlier stage was run again after it; run it again to bring it up to date. The exit code is 7 if a
    file differs, or if a stage is stale and the earlier one was not just repeated with the same settings; 0 otherwise.

    \b
    Example: embedtune verify runs/mine
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.errors import IntegrityError
    from embedtune.pipeline.verify import verify_run

    states = verify_run(run)
    if as_json:
        output.print_json({"schema_version": 1, "run": str(run), "stages": [state._asdict() for state in states]})
    else:
        for stage, state, files, _ in states:
            detail = {"changed": ": " + ", ".join(files), "stale": f": {', '.join(files)} has changed since"}
            click.echo(f"{stage:<15}{state}{detail.get(state, '')}")
    changed = [f"{run / state.stage / name}" for state in states if state.state == "changed" for name in state.files]
    if changed:
        raise IntegrityError(
            f"{run}: expected the files that its manifests record, found a difference in {', '.join(changed[:5])}",
            hint="run the stage that wrote them again with --force",
        )
    if stale := [state for state in states if state.state == "stale" and not state.same_settings]:
        found = "; ".join(f"{state.stage} of an earlier {' and '.join(state.files)}" for state in stale)
        raise IntegrityError(
            f"{run}: expected stages that belong together, found {found}",
            hint=f"embedtune status {run} shows what to run",
        )


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
def fit_query_adapter_command(
    run: Path, embedding: str, base_url: str | None, settings: tuple[str, ...], force: bool, as_json: bool
) -> None:
    """Fit a linear query adapter for a closed embedding API, on the dataset of RUN.

    Each text is sent to the API once, and its vector is kept in RUN/.vectors. Document embeddings, and every index of them,
    stay as they are.

    \b
    Example: embedtune fit-query-adapter runs/mine --embedding openai:text-embedding-3-small
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.config.settings import load_config
    from embedtune.config.training import TrainConfig
    from embedtune.pipeline.hosted_embeddings import load_embedding
    from embedtune.pipeline.query_adapter import fit_query_adapter

    config = load_config(TrainConfig, section="train", settings=("method=linear", *settings))
    name = f"{embedding} at {base_url}" if base_url else embedding  # one name may mean another model on another server
    result = fit_query_adapter(run, load_embedding(embedding, base_url), name, config, force=force)
    output.show("fit-query-adapter", result, as_json=as_json)


@click.command("mine")
@click.argument("run", type=options.RUN)
@options.settings(NegativesConfig, *NegativesConfig.model_fields)
@click.option("--force", is_flag=True, help="Search again even if nothing has changed.")
@options.AS_JSON
@options.logged
@options.ray
def mine_command(run: Path, force: bool, as_json: bool, **given: Any) -> None:
    """Find hard negatives for the train queries of RUN: passages that look like an answer and are none.

    Writes RUN/hard_negatives/train.jsonl with the columns anchor, positive, negative_1 and so on, as the losses of
    sentence-transformers take them. The whole corpus is searched by the model, by BM25 and by both. Passages that were judged
    not relevant come first. Answers, their neighbours in a document and their near-duplicates are never chosen.

    \b
    Example: embedtune mine runs/mine
             embedtune mine runs/mine --model tuned --num-negatives 4
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.pipeline.mine import mine_run

    result = mine_run(run, load_config(NegativesConfig, options=given), force=force)
    output.show("mine", result, as_json=as_json)
