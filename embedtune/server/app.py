"""The routes."""

from __future__ import annotations

import base64
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response

from embedtune import __version__
from embedtune.retrieval.bm25 import SparseVector
from embedtune.server.batching import Batcher, Busy
from embedtune.server.guard import Guard, error_body
from embedtune.server.metrics import Metrics
from embedtune.server.schemas import QUERY_TYPES, EmbeddingsRequest, RerankRequest, SearchRequest, SparseRequest
from embedtune.server.service import Embedded, Service
from embedtune.serving.retriever import Hit, hit_metadata

_DIGITS = 8  # of a component: as many as single precision has


class Limits(NamedTuple):
    """What one client may ask for, and how much may wait.

    Attributes:
        max_texts: Texts of a request.
        max_bytes: Bytes of a request.
        max_waiting: Texts of all requests that wait; beyond it a client is told when to come again (429).
        max_batch: Texts that are computed together.
    """

    max_texts: int = 256
    max_bytes: int = 4_000_000
    max_waiting: int = 1024
    max_batch: int = 32


def make_app(service: Service, *, key: str | None = None, limits: Limits = Limits()) -> Guard:  # noqa: B008 (immutable)
    """Return the ASGI application of a run."""
    routes = _Routes(service, limits)

    @asynccontextmanager
    async def working(app: FastAPI) -> AsyncIterator[None]:
        routes.batcher.start()
        yield
        await routes.batcher.stop()

    app = FastAPI(title=f"embedtune serve: {service.name}", version=__version__, lifespan=working)
    app.add_api_route("/health", routes.health)
    app.add_api_route("/metrics", routes.metrics_text)
    app.add_api_route("/v1/models", routes.models)
    app.add_api_route("/v1/embeddings", routes.embeddings, methods=["POST"])
    for path in ("/v1/rerank", "/v2/rerank", "/rerank"):
        app.add_api_route(path, routes.rerank, methods=["POST"])
    app.add_api_route("/embed_sparse", routes.sparse, methods=["POST"])
    app.add_api_route("/search", routes.search, methods=["POST"])
    app.add_exception_handler(Busy, _busy)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    return Guard(app, key=key, max_bytes=limits.max_bytes, on_answer=routes.metrics.request)


class _Routes:
    def __init__(self, service: Service, limits: Limits) -> None:
        self._service = service
        self._limits = limits
        self.metrics = Metrics(lambda: self.batcher.waiting)
        self.batcher = Batcher(
            {
                "query": service.embed_queries,
                "search": service.search,
                "words": service.sparse_queries,
                "document": service.embed_documents,
                "windows": lambda texts: [service.windows(text) for text in texts],
            },
            max_batch=limits.max_batch,
            max_waiting=limits.max_waiting,
            on_batch=self.metrics.batch,
        )

    async def health(self) -> dict[str, Any]:
        service = self._service
        return {
            "status": "ok",
            "model": service.name,
            "dimension": service.embedder.dimension,
            "system": service.system,
        }

    async def metrics_text(self) -> Response:
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4")

    async def models(self) -> dict[str, Any]:
        names = (self._service.name, f"{self._service.name}-query", f"{self._service.name}-document")
        rows = [{"id": name, "object": "model", "created": 0, "owned_by": "embedtune"} for name in names]
        return {"object": "list", "data": rows}

    async def embeddings(self, request: EmbeddingsRequest) -> JSONResponse:
        self._check_count(len(request.texts), "input")
        dimension = self._service.embedder.dimension
        if request.dimensions not in (None, dimension):
            raise HTTPException(400, f"dimensions: expected {dimension}, found {request.dimensions}")
        found: list[Embedded] = await self.batcher(self._side(request), request.texts)
        rows = [
            {"object": "embedding", "index": number, "embedding": _written(each, request.encoding_format)}
            for number, each in enumerate(found)
        ]
        usage = dict.fromkeys(("prompt_tokens", "total_tokens"), sum(each.n_tokens for each in found))
        return JSONResponse(
            {"object": "list", "data": rows, "model": request.model or self._service.name, "usage": usage}
        )

    async def rerank(self, request: RerankRequest) -> JSONResponse:
        """Order passages by the cosine of query and best window."""
        passages = request.passages
        self._check_count(len(passages), "documents (Cohere) or texts (TEI)")
        windows: list[list[str]] = await self.batcher("windows", passages)
        (query,) = await self.batcher("query", [request.query])
        found = await self.batcher("document", [text for texts in windows for text in texts])
        ends = accumulate(map(len, windows), initial=0)
        scores = [max(float(each.vector @ query.vector) for each in found[a:b]) for a, b in pairwise(ends)]
        order = sorted(range(len(scores)), key=lambda number: -scores[number])[: request.top_n]
        if request.texts is not None:
            rows = [
                {"index": n, "score": scores[n], **({"text": passages[n]} if request.return_text else {})}
                for n in order
            ]
            return JSONResponse(rows)
        ranked = [
            {
                "index": n,
                "relevance_score": scores[n],
                **({"document": {"text": passages[n]}} if request.return_documents else {}),
            }
            for n in order
        ]
        meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
        return JSONResponse({"id": str(uuid.uuid4()), "results": ranked, "meta": meta})

    async def sparse(self, request: SparseRequest) -> list[list[dict[str, Any]]]:
        """Return the words of queries in TEI's form."""
        self._check_count(len(request.texts), "inputs")
        found: list[SparseVector] = await self.batcher("words", request.texts)
        return [[{"index": term, "value": vector[term]} for term in sorted(vector)] for vector in found]

    async def search(self, request: SearchRequest) -> dict[str, Any]:
        (hits,) = await self.batcher("search", [(request.query, request.k)])
        return {"system": self._service.system, "results": [_hit(hit, self._service.system) for hit in hits]}

    def _check_count(self, count: int, what: str) -> None:
        if not 1 <= count <= self._limits.max_texts:
            raise HTTPException(400, f"{what}: expected 1 to {self._limits.max_texts} texts, found {count}")

    def _side(self, request: EmbeddingsRequest) -> str:
        """Return the side that a request means, by its input_type or by the name of the model."""
        name = self._service.name
        sides = {f"{name}-query": "query", f"{name}-document": "document"}
        if request.model not in ("", name, *sides):
            raise HTTPException(404, f"model: expected {name}, {' or '.join(sides)}, found {request.model!r:.200}")
        if request.input_type:
            return "query" if request.input_type in QUERY_TYPES else "document"
        if request.model in sides:
            return sides[request.model]
        if self._service.sides_differ:
            raise HTTPException(
                400,
                f"expected to be told what the texts are, because this model encodes queries and documents differently: name "
                f"the model {' or '.join(sides)}, or send input_type with query or document",
            )
        return "document"


def _written(embedded: Embedded, form: str) -> str | list[float]:
    if form == "base64":
        return base64.b64encode(embedded.vector.astype("<f4").tobytes()).decode()
    written: list[float] = np.round(embedded.vector.astype(np.float64), _DIGITS).tolist()
    return written


def _hit(hit: Hit, system: str) -> dict[str, Any]:
    return {**hit_metadata(hit, system), "score": hit.score, "text": hit.passage.text}


async def _busy(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Busy)
    body = error_body(f"{error}", "rate_limit_error")
    return JSONResponse(body, 429, headers={"Retry-After": str(error.retry_after)})


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse(error_body(str(error.detail)), error.status_code)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    return JSONResponse(error_body(_first_problem(error.errors())), 400)


def _first_problem(errors: Sequence[Any]) -> str:
    """Name the field and what is wrong, without the text that was sent."""
    first = errors[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body") or "body"
    return f"{place}: {first['msg'].removeprefix('Value error, ')}"
