"""``embedtune export-model``."""

from __future__ import annotations

from pathlib import Path

import click

from embedtune.cli import options, output
from embedtune.cli.layout import print_columns


@click.command("export-model")
@click.argument("run", type=options.RUN)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "formats",
    multiple=True,
    metavar="FORMAT",
    help="safetensors-fp32, safetensors-bf16, onnx, onnx-int8, openvino-int8 or gguf; repeatable.",
)
@click.option("--dimension", type=click.IntRange(min=1), help="Keep the first components of a vector only.")
@click.option("--max-loss", type=float, default=0.2, show_default=True, help="Points of nDCG@10 a format may lose.")
@click.option(
    "--passages", type=click.IntRange(min=1), default=2000, show_default=True, help="Passages that are searched for it."
)
@click.option("--words", is_flag=True, help="Write the passages' words as sparse vectors for a store, and no model.")
@options.TRUST
@options.AS_JSON
@options.logged
def command(
    run: Path,
    folder: Path,
    formats: tuple[str, ...],
    dimension: int | None,
    max_loss: float,
    passages: int,
    words: bool,
    trust_remote_code: bool | None,
    as_json: bool,
) -> None:
    """Copy the model of RUN to a new FOLDER, with a model card that reports its evaluation.

    The card contains none of your documents, queries or paths, and no figures of further models. Without --format FOLDER loads
    with SentenceTransformer and can be uploaded to a hub as it is.

    With --format FOLDER gets a folder for each format. Each is run by its own engine on the queries of the evaluation and held
    against the checkpoint. If one loses more than --max-loss, nothing is written and the exit code is 7.

    With --words FOLDER gets the passages as sparse vectors with the weights of BM25: the terms of your documents by number, no
    text.

    \b
    Example: embedtune export-model runs/mine my-embedder/
             embedtune export-model runs/mine for-servers/ --format onnx --format gguf
    """  # noqa: D301 (click reads the escaped b)
    if words:
        from embedtune.export.words import export_words

        click.echo(str(export_words(run, folder)))
        return
    if not formats:
        from embedtune.pipeline.model_cards import export_model

        click.echo(str(export_model(run, folder)))
        return
    from embedtune.export.export import export_formats
    from embedtune.export.parity import as_json as rows_as_json
    from embedtune.export.parity import as_rows

    trust = bool(trust_remote_code)
    parities = export_formats(
        run, folder, formats, dimension=dimension, max_loss=max_loss, n_passages=passages, trust_remote_code=trust
    )
    if as_json:
        output.print_json({"schema_version": 1, "folder": str(folder), "formats": rows_as_json(parities)})
        return
    print_columns(as_rows(parities))
    click.echo(str(folder))
