"""The views before and while a run is made: home, new run, watching."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from embedtune.errors import ConfigError, EmbedtuneError
from embedtune.ui.answers import Form, answering, go, one, page, refusal
from embedtune.ui.home import read_rows
from embedtune.ui.jobs import RECIPE, cancel_job
from embedtune.ui.new_run import (
    dry_run,
    read_advice,
    save_recipe,
    source_folders,
    start_advice,
    start_run,
    suggested_name,
)
from embedtune.ui.settings_form import first_fields, folded_fields, form_values, read_form, read_recipe, recipe_text
from embedtune.ui.site import Site
from embedtune.ui.uploads import MAX_BYTES, MAX_FILES, UPLOADS_PATH, Announced
from embedtune.ui.views import fill
from embedtune.ui.watching import Watch

_EVERY_S = 0.4  # between two looks at a run's events
_ALIVE_S = 15  # after which a stream without news says that it is there
_ANNOUNCED = TypeAdapter(list[Announced])


class HomeRoutes:
    """Routes over one site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[Route]:
        """Return them."""
        return [
            Route("/", answering(self.home)),
            Route("/new", answering(self.new)),
            Route("/new", answering(self.act), methods=["POST"]),
            Route("/new/preview", answering(self.preview), methods=["POST"]),
            Route("/watch", answering(self.watch)),
            Route("/events", self.events),
            Route("/start", answering(self.start), methods=["POST"]),
            Route("/cancel", answering(self.cancel), methods=["POST"]),
            Route(UPLOADS_PATH, self.announce, methods=["POST"]),
            Route(UPLOADS_PATH + "{number}/done", self.finish, methods=["POST"]),
            Route(UPLOADS_PATH + "{number}/{name:path}", self.take, methods=["PUT"]),
        ]

    def home(self, request: Request, form: Form) -> Response:
        """Show the table of runs."""
        root = self._site.root
        return page(request, "home.html", rows=read_rows(root), folder=root.folder.name, can_grow=root.can_grow)

    def new(self, request: Request, form: Form) -> Response:
        """Show the form, with the values of a recipe that is there or was sent."""
        root, values, out = self._site.root, {}, ""
        if name := one(form, "run"):
            run = root.find(name)
            values, out = form_values(read_recipe(run, root)), root.name_of(run)
        values |= {field: texts[-1] for field, texts in form.items() if field.startswith("generate.")}
        return self._form(request, values, out)

    def _form(self, request: Request, values: dict[str, str], out: str, **more: object) -> Response:
        root = self._site.root
        if not root.can_grow:
            raise ConfigError(
                "expected a page over a folder, found one over single runs", hint="start embedtune ui FOLDER"
            )
        shown = {"preview": None, "recipe": None, "problem": None, **more}
        return page(
            request,
            "new.html",
            200 if not shown["problem"] else 400,
            first=first_fields(),
            folded=folded_fields(),
            values=values,
            out=out or suggested_name(root, values.get("generate.source", "")),
            sources=source_folders(root),
            most_files=MAX_FILES,
            most_bytes=MAX_BYTES,
            **shown,
        )

    def act(self, request: Request, form: Form) -> Response:
        """Do what was asked of a form: a dry run, the advice, or the run itself."""
        root = self._site.root
        values, out = {name: texts[-1] for name, texts in form.items()}, one(form, "out").strip()
        try:
            recipe = read_form(values, out or suggested_name(root, values.get("generate.source", "")), root)
            root.place(str(recipe.config.out))
            match one(form, "action"):
                case "dry":
                    return self._form(request, values, out, preview=dry_run(root, recipe), recipe=recipe)
                case "advise":
                    start_advice(root, run := save_recipe(root, recipe))
                case "start":
                    start_run(root, run := save_recipe(root, recipe))
                case _:
                    return self._form(request, values, out, recipe=recipe)
        except EmbedtuneError as error:
            return self._form(request, values, out, problem=error)
        return go("/watch", run=root.name_of(run))

    def preview(self, request: Request, form: Form) -> Response:
        """Return command and recipe of a form while it is filled in."""
        values, out = {name: texts[-1] for name, texts in form.items()}, one(form, "out").strip()
        try:
            recipe = read_form(values, out or suggested_name(self._site.root), self._site.root)
        except EmbedtuneError as error:
            return JSONResponse({"problem": str(error)})
        return JSONResponse({"command": recipe.command, "recipe": recipe.text})

    def watch(self, request: Request, form: Form) -> Response:
        """Show the work in a run."""
        root = self._site.root
        run = root.find(one(form, "run"))
        watch = Watch(run)
        watch.look()
        return page(
            request,
            "watch.html",
            run=root.name_of(run),
            watch=watch,
            advice=read_advice(run),
            recipe=recipe_text(run),
            command=f"embedtune run --config {root.name_of(run)}/{RECIPE}",
            is_draft=not watch.story.stages,
        )

    def start(self, request: Request, form: Form) -> Response:
        """Start a run, or its advice; a stage that was stopped goes on."""
        root = self._site.root
        run = root.find(one(form, "run"))
        (start_advice if one(form, "what") == "advise" else start_run)(root, run)
        return go("/watch", run=root.name_of(run))

    def cancel(self, request: Request, form: Form) -> Response:
        """Ask the work in a run to stop."""
        run = self._site.root.find(one(form, "run"))
        cancel_job(run)
        return go("/watch", run=self._site.root.name_of(run))

    async def events(self, request: Request) -> Response:
        """Stream what is to be seen of a run's work, whenever it changes, until the work ends."""
        try:
            run = self._site.root.find(request.query_params.get("run", ""))
        except EmbedtuneError as error:
            return refusal(request, error)
        return StreamingResponse(_stream(self._site.root.name_of(run), Watch(run)), media_type="text/event-stream")

    async def announce(self, request: Request) -> Response:
        """Take the names and sizes of files that will come."""
        try:
            files = _ANNOUNCED.validate_json(await _small_body(request))
            return JSONResponse({"id": self._site.uploads.announce(files)})
        except ClientDisconnect:
            return Response(status_code=400)
        except ValidationError:
            return refusal(request, ConfigError("expected a list of files with name and size, found another form"))
        except EmbedtuneError as error:
            return refusal(request, error)

    async def take(self, request: Request) -> Response:
        """Take one of them."""
        try:
            await self._site.uploads.take(request.path_params["number"], request.path_params["name"], request.stream())
        except EmbedtuneError as error:
            return refusal(request, error)
        except ClientDisconnect:  # a closed tab; nothing is left of the file
            return Response(status_code=400)
        return Response(status_code=204)

    async def finish(self, request: Request) -> Response:
        """Name the folder in which they are."""
        try:
            return JSONResponse({"folder": self._site.uploads.finish(request.path_params["number"])})
        except EmbedtuneError as error:
            return refusal(request, error)


async def _small_body(request: Request, most: int = 2_000_000) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise ConfigError(f"expected a list of at most {MAX_FILES:,} files, found a longer one; none was taken")
    return body


async def _stream(name: str, watch: Watch) -> AsyncIterator[str]:
    before, quiet = "", 0.0
    working = True
    while working:
        working = await run_in_threadpool(watch.look)
        shown = await run_in_threadpool(fill, "watch_state.html", watch=watch, run=name)
        if shown != before:
            yield "".join(f"data: {line}\n" for line in shown.splitlines()) + "\n"
            before, quiet = shown, 0.0
        elif quiet > _ALIVE_S:
            yield ": still there\n\n"
            quiet = 0.0
        if working:
            await asyncio.sleep(_EVERY_S)
            quiet += _EVERY_S
    yield f"event: end\ndata: {watch.state}\n\n"
