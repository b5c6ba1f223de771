"""Embedding models by name, ``PROVIDER:MODEL``: any server with OpenAI's interface, or a class of LlamaIndex."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from embedtune.errors import ConfigError
from embedtune.extras import requires
from embedtune.llm.exchange import PACKINGS, bound, check_redirect, restrict_headers
from embedtune.llm.providers import check_url, find_key
from embedtune.models.hosted import HostedEmbedding

_CLASS = re.compile(r"llama_index\.embeddings\.[a-z_]+\.[A-Za-z]+")
_TIMEOUT_S = 120.0


def load_embedding(name: str, base_url: str | None = None) -> HostedEmbedding:
    """Return an embedding model; nothing is sent yet.

    Args:
        name: ``openai:MODEL``, or ``llama_index.embeddings.PACKAGE.CLASS:MODEL``, with that ``model_name``.
        base_url: A server with OpenAI's interface; None is OpenAI. Its key comes from the environment, as with language models.

    Raises:
        ConfigError: If name, address, key or a package is missing or wrong.
    """
    provider, colon, model = name.partition(":")
    check_url(base_url)
    if colon and model and provider == "openai":
        return OpenAIEmbedding(model, base_url, find_key("openai", base_url, None))
    if colon and model and _CLASS.fullmatch(provider):
        module, _, class_name = provider.rpartition(".")
        if kind := getattr(_import(module), class_name, None):
            embedding: HostedEmbedding = kind(model_name=model)
            return embedding
    raise ConfigError(
        f"--embedding: expected openai:MODEL or llama_index.embeddings.PACKAGE.CLASS:MODEL, found {name!r}",
        hint="for example openai:text-embedding-3-small, or any server with OpenAI's interface: openai:MODEL --base-url "
        "http://localhost:8000/v1",
    )


class OpenAIEmbedding:
    """An embedding model of a server with OpenAI's interface."""

    def __init__(self, model: str, base_url: str | None, key: str | None) -> None:
        """Use a model of a server; raises ``ConfigError`` if the package openai is missing."""
        openai = _import("openai", "embedtune[llm]")
        self._model = model
        key = key or "none"

        def before(request: Any) -> None:
            if base_url:  # OpenAI itself gets what the environment has for it
                restrict_headers(request.headers, key)
            request.headers["accept-encoding"] = PACKINGS

        def after(response: Any) -> None:
            check_redirect(response)
            bound(response)

        client = openai.DefaultHttpxClient(event_hooks={"request": [before], "response": [after]}, timeout=_TIMEOUT_S)
        self._client = openai.OpenAI(base_url=base_url, api_key=key, timeout=_TIMEOUT_S, http_client=client)

    def get_query_embedding(self, query: str) -> list[float]:
        """See ``HostedEmbedding``."""
        return self.get_text_embedding_batch([query])[0]

    def get_text_embedding_batch(self, texts: list[str]) -> list[list[float]]:
        """See ``HostedEmbedding``."""
        response = self._client.embeddings.create(model=self._model, input=texts, encoding_format="float")
        return [row.embedding for row in sorted(response.data, key=lambda row: row.index)]


def _import(module: str, package: str | None = None) -> Any:
    install = package or module.replace("llama_index", "llama-index").replace(".", "-").replace("_", "-")
    with requires(install, where="--embedding"):
        return import_module(module)
