"""Serving the page on this machine, to who has its token."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Sequence
from contextlib import chdir, closing
from pathlib import Path

from embedtune.errors import ConfigError
from embedtune.extras import requires
from embedtune.ui.roots import Root

HOST = "127.0.0.1"
_GRACE = 1  # seconds that open connections have when the server ends


def serve(
    given: Sequence[Path],
    *,
    judgements: Path | None = None,
    host: str = HOST,
    port: int | None = None,
    trust_remote_code: bool = False,
    announce: Callable[[str], None],
) -> None:
    """Serve the page until it is interrupted; work that it started goes on.

    Args:
        given: A folder with runs, or run folders; none means the folder in which this process works.
        judgements: Where judgements go; None for ``judgements`` below the run.
        host: Where to listen.
        port: None takes a free one.
        trust_remote_code: Run the Python code that comes with the models.
        announce: Called with the page's address once it can be opened; who knows it can do what its user can do there.

    Raises:
        ConfigError: If the port is taken, one of several folders is no run, or the packages of the extra ``ui`` are missing.
        KeyboardInterrupt: On Ctrl-C.
    """
    with requires("embedtune[ui]"):
        import starlette.applications  # noqa: F401 (named with the extra before anything is opened)
        import uvicorn
    root, judgements = Root(given or [Path()]), judgements and judgements.absolute()
    with closing(_listen(host, port)) as listener, chdir(root.workplace):
        from embedtune.ui.app import make_app
        from embedtune.ui.site import Site

        token, number = secrets.token_urlsafe(32), listener.getsockname()[1]
        site = Site(root, judgements=judgements, trust_remote_code=trust_remote_code)
        app = make_app(site, token=token, port=number, host=host)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=_GRACE,
                server_header=False,
                ws="none",
            )
        )
        place = f"[{host}]" if ":" in host else host
        announce(f"http://{place}:{number}/?token={token}")
        server.run(sockets=[listener])
        # Once started, only a signal ends it. uvicorn raises it once more, where the loop can lose it as it closes.
        if server.started:
            raise KeyboardInterrupt


def _listen(host: str, port: int | None) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigError(f"--host: expected an address of this machine, found {host!r}: {error}") from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"--port: expected a free port, found that {port} is not: {error.strerror}",
            hint="leave --port out to take any that is free",
        ) from error
    return listener
