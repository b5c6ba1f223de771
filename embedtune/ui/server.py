"""Serving the page on this machine, to this machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from embedtune.errors import ConfigError
from embedtune.extras import requires
from embedtune.ui.judging import JudgementFolder
from embedtune.ui.run_comparison import RunComparison
from embedtune.ui.views import STYLES

# Gradio needs inline scripts and builds functions from strings; what matters is that nothing is fetched or sent elsewhere.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
"""A Content-Security-Policy (W3C, level 3)."""

_Message = MutableMapping[str, Any]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, Any, _Send], Awaitable[None]]


class WithPolicy:
    """Sends ``POLICY`` with every answer of an ASGI application."""

    def __init__(self, app: _App) -> None:
        self._app = app

    async def __call__(self, scope: _Message, receive: Any, send: _Send) -> None:
        """Answer a request."""

        async def add(message: _Message) -> None:
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", POLICY.encode())
                message["headers"] = [*message.get("headers", []), policy]
            await send(message)

        await self._app(scope, receive, add)


HOST = "127.0.0.1"
JUDGEMENTS = "judgements"
"""Where judgements go below the first run, if nowhere else."""

_GRACE = 1  # seconds that open connections have when the server ends


def serve(
    runs: Sequence[Path],
    *,
    judgements: Path | None = None,
    port: int | None = None,
    trust_remote_code: bool = False,
    announce: Callable[[str], None],
) -> None:
    """Serve the page until it is interrupted.

    Args:
        runs: Run folders over one corpus, at least one.
        judgements: Where judgements go; None for ``judgements`` below the first run.
        port: None takes a free one.
        trust_remote_code: Run the Python code that comes with the models.
        announce: Called with the page's address once it can be opened.

    Raises:
        ConfigError: If the port is taken, a run is named twice, or the packages of the extra ``ui`` are missing.
        DataError: If a stage is missing, a run is over another corpus, or the judgements are of another.
        IntegrityError: If dataset or model were changed since they were written.
        KeyboardInterrupt: On Ctrl-C.
    """
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before gradio is imported, which reads it
    with requires("embedtune[ui]"):
        import fastapi
        import gradio
        import uvicorn
        from starlette.middleware.trustedhost import TrustedHostMiddleware

    from embedtune.ui.page import build_page, theme

    with closing(_listen(port)) as listener:
        opened = RunComparison(runs, trust_remote_code=trust_remote_code)
        folder = JudgementFolder(judgements or runs[0] / JUDGEMENTS, opened.first.passages)
        app = fastapi.FastAPI(openapi_url=None)
        app.add_middleware(WithPolicy)
        # A page of another server that gives its name this machine's address is not answered.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
        gradio.mount_gradio_app(
            app,
            build_page(opened, folder),
            path="",
            theme=theme(),
            css_paths=STYLES,
            footer_links=[],
            run_history=False,
            ssr_mode=False,
            pwa=False,
            show_error=False,
        )
        address = f"http://{HOST}:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=_GRACE))
        announce(address)
        server.run(sockets=[listener])
        # Once started, only a signal ends it. uvicorn raises it once more, where the loop can lose it as it closes.
        if server.started:
            raise KeyboardInterrupt


def _listen(port: int | None) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port or 0))
        listener.listen()
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"--port: expected a free port, found that {port} is not: {error.strerror}",
            hint="leave --port out to take any that is free",
        ) from error
    return listener
