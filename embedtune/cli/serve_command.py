"""``embedtune serve``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from embedtune.cli import options

if TYPE_CHECKING:
    from embedtune.serving.embedder import Which


@click.command("serve")
@click.argument("run", type=options.RUN)
@options.which("Model that answers")
@click.option("--system", default="auto", show_default=True, help="System that /search uses, such as hybrid_tuned.")
@click.option(
    "--index",
    metavar="INDEX|exact",
    help="Approximate index that /search uses, such as ivf4096,pq48; that of eval --index unless given.",
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Where to listen; others reach it only with a key."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="Port; 0 takes a free one."
)
@click.option("--max-texts", type=click.IntRange(min=1), default=256, show_default=True, help="Texts of a request.")
@click.option(
    "--max-bytes", type=click.IntRange(min=1), default=4_000_000, show_default=True, help="Bytes of a request."
)
@click.option(
    "--max-waiting",
    type=click.IntRange(min=1),
    default=1024,
    show_default=True,
    help="Texts that may wait for their turn.",
)
@options.TRUST
@options.logged
def command(
    run: Path,
    which: Which,
    system: str,
    index: str | None,
    host: str,
    port: int,
    max_texts: int,
    max_bytes: int,
    max_waiting: int,
    trust_remote_code: bool | None,
) -> None:
    """Serve the model of RUN to OpenAI's, Cohere's and TEI's clients, and search its passages; Ctrl-C stops the server.

    POST /v1/embeddings, /v1/rerank and /search; GET /health and /metrics. Vectors are those of eval, in fp32. Clients send
    input_type with query or document, or name the model NAME-query or NAME-document. The environment variable
    EMBEDTUNE_SERVE_KEY is the key that they must have.

    \b
    Example: embedtune serve runs/mine --port 8000
    """  # noqa: D301 (click reads the escaped b)
    from embedtune.extras import requires
    from embedtune.server.running import serve

    with requires("embedtune[serve]"):
        from embedtune.server.app import Limits
    serve(
        run,
        which,
        system,
        index="" if index == "exact" else index,
        host=host,
        port=port,
        limits=Limits(max_texts, max_bytes, max_waiting),
        trust_remote_code=bool(trust_remote_code),
        announce=lambda address: click.echo(f"{address}   (Ctrl-C stops it)"),
    )
