"""The page as an ASGI application: routes behind the door."""

from __future__ import annotations

import logging
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from embedtune.redaction import redact
from embedtune.ui.answers import page
from embedtune.ui.guard import Door
from embedtune.ui.routes_home import HomeRoutes
from embedtune.ui.routes_run import RunRoutes, styles
from embedtune.ui.site import Site

_STATIC = Path(__file__).parent / "static"
_TYPES = {"page.css": "text/css", "page.js": "text/javascript"}
_log = logging.getLogger("embedtune")


def make_app(site: Site, *, token: str, port: int, host: str) -> Door:
    """Return the application of a site, which answers at one port to who has the token."""
    app = Starlette(
        routes=[*HomeRoutes(site).routes(), *RunRoutes(site).routes(), Route("/static/{name}", _static)],
        exception_handlers={HTTPException: _refused, Exception: _bug},
    )
    return Door(app, token=token, port=port, host=host)


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name == "report.css":
        return Response(styles(), media_type="text/css", headers=_KEPT)
    if name not in _TYPES:
        raise HTTPException(404)
    return Response((_STATIC / name).read_bytes(), media_type=_TYPES[name], headers=_KEPT)


_KEPT = {"cache-control": "private, max-age=60"}


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentence = {404: "There is no such page here.", 405: "This page takes no such request."}.get(
        error.status_code, error.detail
    )
    return page(request, "error.html", error.status_code, message=sentence, hint=None)


async def _bug(request: Request, error: Exception) -> Response:
    _log.error("%s: %s", request.url.path, redact(f"{type(error).__name__}: {error}"), exc_info=error)
    return PlainTextResponse("A fault of embedtune; the terminal in which the page was started says more.\n", 500)
