"""A server for a run, on this machine unless told otherwise."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from embedtune.errors import ConfigError
from embedtune.extras import requires
from embedtune.serving.embedder import Which

if TYPE_CHECKING:
    from embedtune.server.app import Limits

HOST, PORT = "127.0.0.1", 8000
KEY = "EMBEDTUNE_SERVE_KEY"
"""The environment variable with the key that clients must send."""

_GRACE = 30  # seconds that requests have to end when the server stops
_BACKLOG = 2048


def serve(
    run: Path,
    which: Which = "auto",
    system: str = "auto",
    *,
    index: str | None = None,
    host: str = HOST,
    port: int = PORT,
    limits: Limits | None = None,
    device: str | None = None,
    trust_remote_code: bool = False,
    announce: Callable[[str], None],
) -> None:
    """Serve a run until Ctrl-C or SIGTERM; requests that are being answered are finished first.

    Args:
        run: The run folder.
        which: The model of ``/v1/embeddings`` and ``/v1/rerank``; see ``Embedder.from_run``.
        system: What ``/search`` searches with; see ``Retriever.from_run``.
        index: The approximate index that it searches; see ``RunIndex``.
        host: Where to listen; an address that others reach needs a key in the environment.
        port: 0 takes a free one.
        limits: None takes the defaults.
        device: Such as ``cpu`` or ``cuda:1``; None takes the best there is.
        trust_remote_code: Run the Python code that comes with the models.
        announce: Called with the address once it can be asked.

    Raises:
        ConfigError: If the address cannot be listened at, others reach it and there is no key, or the packages of the extra
            ``serve`` are missing.
        EmbedtuneError: As ``Embedder.from_run`` and ``Retriever.from_run`` do.
    """
    key = os.environ.get(KEY) or None
    if key is None and not _is_local(host):
        raise ConfigError(
            f"--host: expected a key for an address that others reach, found none in {KEY}",
            hint=f"export {KEY}=…, and give clients the same as their API key; or listen at {HOST}",
        )
    with requires("embedtune[serve]"):
        import uvicorn

        from embedtune.server.app import Limits, make_app
        from embedtune.server.service import Service
    with closing(_listen(host, port)) as listening:
        service = Service(run, which, system, index=index, device=device, trust_remote_code=trust_remote_code)
        app = make_app(service, key=key, limits=limits or Limits())
        config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=_GRACE, ws="none")
        listening.listen(_BACKLOG)
        place = f"[{host}]" if ":" in host else host
        announce(f"http://{place}:{listening.getsockname()[1]}")
        with suppress(KeyboardInterrupt):  # uvicorn stops in order, and then raises the signal again
            uvicorn.Server(config).run(sockets=[listening])


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(host: str, port: int) -> socket.socket:
    """Take the address before the model is loaded, so that a mistake is told at once."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise ConfigError(
            f"--host, --port: expected an address to listen at, found {host}:{port}: {error.strerror or error}",
            hint="name another, such as --port 8001",
        ) from error
    return listening
