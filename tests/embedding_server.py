"""Embedding servers on real sockets that speak the protocols of Text Embeddings Inference, of OpenAI and of Ollama.

They embed with real models from the folders that ``embedtune plug --export`` writes. As the real ones, they add a prompt only
where the protocol says so: TEI's ``prompt_name`` on ``/embed``, looked up in the folder; it takes up to 32 texts at once.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException, Request
from sentence_transformers import SentenceTransformer

BATCH = 32


class Served:
    """A model by its folder, loaded when it is first asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()

    @cached_property
    def model(self) -> SentenceTransformer:
        return SentenceTransformer(str(self.folder), device="cpu")

    @cached_property
    def prompts(self) -> dict[str, str]:
        config = json.loads((self.folder / "config_sentence_transformers.json").read_text(encoding="utf-8"))
        return config["prompts"]

    def embed(self, texts: list[str], prompt: str = "") -> list[list[float]]:
        with self._lock:
            return self.model.encode([prompt + text for text in texts], prompt="").tolist()


class EmbeddingServer:
    """Serves models by name over all three protocols; TEI, which has one model, serves the first."""

    def __init__(self, models: dict[str, Path]) -> None:
        self.models = {name: Served(folder) for name, folder in models.items()}
        self.requests: list[tuple[str, dict[str, Any]]] = []

    def __enter__(self) -> EmbeddingServer:
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(self._app(), log_level="error"))
        self._thread = threading.Thread(target=self._server.run, args=([listening],), daemon=True)
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    def _app(self) -> FastAPI:
        app = FastAPI()

        @app.post("/embed")
        def tei(body: dict[str, Any], request: Request) -> list[list[float]]:
            self.requests.append(("tei", body))
            served, texts, name = next(iter(self.models.values())), body["inputs"], body.get("prompt_name")
            if len(texts) > BATCH:
                raise HTTPException(413, f"batch size {len(texts)} > maximum allowed batch size {BATCH}")
            if name is not None and name not in served.prompts:
                raise HTTPException(422, f"no prompt {name}")
            return served.embed(texts, served.prompts[name] if name else "")

        @app.post("/v1/embeddings")
        def openai(body: dict[str, Any], request: Request) -> dict[str, Any]:
            self.requests.append(("openai", {**body, "key": request.headers.get("authorization")}))
            vectors = self._find(body["model"]).embed(body["input"])
            rows = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(vectors)]
            usage = {"prompt_tokens": 1, "total_tokens": 1}
            return {"object": "list", "model": body["model"], "data": rows, "usage": usage}

        @app.post("/api/embed")
        def ollama(body: dict[str, Any], request: Request) -> dict[str, Any]:
            self.requests.append(("ollama", body))
            return {"model": body["model"], "embeddings": self._find(body["model"]).embed(body["input"])}

        return app

    def _find(self, name: str) -> Served:
        if name not in self.models:
            raise HTTPException(404, f"model {name!r} not found")
        return self.models[name]
