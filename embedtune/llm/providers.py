"""The providers of language models, each behind the same two methods.

``PROVIDER:MODEL`` names one: ``openai:…`` (any server with OpenAI's interface), ``ollama:…``, ``hf:…`` and ``gguf:…`` (a model
in this process; ``local`` is the packaged one), or the path of any other class of llama-index,
``llama_index.llms.anthropic.Anthropic:…``. Keys come from the environment alone.
"""

from __future__ import annotations

import os
import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from embedtune.errors import ConfigError
from embedtune.executor import workers
from embedtune.extras import requires
from embedtune.llm.failures import RateLimiter
from embedtune.llm.store import Answer, Call

if TYPE_CHECKING:
    from embedtune.config.settings import LlmConfig

OPENAI_URL = "https://api.openai.com/v1"
OLLAMA_URL = "http://localhost:11434"
OWN_KEY = "EMBEDTUNE_LLM_KEY"
PROVIDERS = ("openai", "ollama", "hf", "gguf")
LOCAL = "local"
"""The name of the packaged model."""
IN_PROCESS = frozenset({"hf", "gguf", LOCAL})
"""Kinds of models that need neither key nor server."""
ASKED = "asked"
"""The parameter of a call that says how often it was asked before, where other processes have answered it."""
MANY = 1_000_000
"""Calls at once of a provider that has no bound of its own."""

_MODULES = {
    "openai": ("llama_index.llms.openai_like", "embedtune[llm]"),
    "ollama": ("llama_index.llms.ollama", "embedtune[ollama]"),
    "hf": ("tenacity", "embedtune[hf]"),
    "gguf": ("xllamacpp", "embedtune[gguf]"),
    LOCAL: ("xllamacpp", "embedtune[gguf]"),
}
_CLASS = re.compile(r"llama_index\.llms\.[a-z_]+\.[A-Za-z]+")


class Provider(Protocol):
    """Anything that answers calls."""

    name: str  # for messages, without keys
    model: str  # as it goes into the key of a call
    max_concurrency: int  # calls it can take at once
    is_local: bool  # whether it computes in this process
    chats: (
        bool  # whether it takes chat messages and can follow a schema; otherwise it gets a plain prompt for one query
    )

    async def ask(self, call: Call) -> Answer:
        """Send a call once and return its answer; any exception is a failure."""
        ...

    def attach(self, gate: RateLimiter) -> None:
        """Check a rate limiter before each request is written, and pass it the headers of each response."""
        ...

    async def close(self) -> None:
        """Close connections; the next call opens new ones."""
        ...


def split_name(name: str) -> tuple[str, str]:
    """Return provider and model of ``PROVIDER:MODEL``, or twice ``local`` for the packaged model.

    Raises ``ConfigError`` for another form or an unknown provider.
    """
    if name == LOCAL:
        return LOCAL, LOCAL
    provider, colon, model = name.partition(":")
    if not colon or not model or not (provider in PROVIDERS or _CLASS.fullmatch(provider)):
        raise ConfigError(
            f"--llm: expected local or PROVIDER:MODEL with one of {', '.join(PROVIDERS)}, found {name!r}",
            hint="for example openai:gpt-4o-mini, ollama:llama3.2, hf:google/flan-t5-base, gguf:model.gguf, or any server with "
            "OpenAI's interface: openai:MODEL --base-url http://localhost:8000/v1",
        )
    return provider, model


def check_url(url: str | None) -> None:
    """Raise ``ConfigError`` for an invalid address, or one with a key in it: addresses end up in logs."""
    try:
        parts = urlsplit(OPENAI_URL if url is None else url)
        secret = bool(parts.username or parts.password or parts.query or parts.fragment)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        secret, good = False, False
    if secret:
        raise ConfigError(
            "--base-url: expected an address without user, password or query, found one with them",
            hint=f"put the key into the environment: export {OWN_KEY}=…",
        )
    if not good:
        raise ConfigError(
            f"--base-url: expected an address such as http://localhost:8000/v1, found {url!r}",
            hint="it begins with http",
        )


def find_key(provider: str, base_url: str | None, variable: str | None) -> str | None:
    """Return the key for a provider from the environment, or None where none is needed.

    OpenAI's own key goes to OpenAI alone, unless its variable is named: another server would learn it. Raises ``ConfigError``
    if a key is needed and there is none.
    """
    name = variable or ("OPENAI_API_KEY" if provider == "openai" and base_url is None else OWN_KEY)
    key = os.environ.get(name, "").strip()
    if key or (variable is None and (base_url is not None or provider != "openai")):
        return key or None
    raise ConfigError(
        f"{name}: expected a key in this environment variable, found none",
        hint=f"export {name}=…, or --base-url ADDRESS for a server of your own, or --set llm.key_variable=NAME",
    )


class Described(NamedTuple):
    """Name and kind of a model that is not loaded yet; see ``Provider``."""

    model: str
    chats: bool
    answer_tokens: int | None = None  # of a tuned writer: the longest query that it was tuned to write; None for others


def describe(config: LlmConfig) -> Described:
    """Return the model's name in the key of a call. Raises ``ConfigError`` if there is no such provider or local model."""
    kind, model = split_name(config.name or "")
    check_url(config.base_url)
    if kind not in IN_PROCESS:
        return Described(f"{kind}:{model}", chats=True)
    if kind == "hf":
        from embedtune.llm.local_models import describe_local

        return describe_local(model, config.quantize, config.adapter)
    from embedtune.llm.gguf import describe_gguf, packaged_gguf

    return describe_gguf(packaged_gguf() if kind == LOCAL else Path(model))


def check_access(config: LlmConfig) -> None:
    """Check key and packages, loading and sending nothing. Raises ``ConfigError`` if one is missing."""
    kind, _ = split_name(config.name or "")
    if kind in _MODULES:
        import_extra(*_MODULES[kind])
    if kind not in IN_PROCESS:
        find_key(kind, config.base_url, config.key_variable)


def load_provider(config: LlmConfig) -> Provider:
    """Build a provider; nothing is sent yet. A model that computes is loaded by the workers, if there are any.

    Raises:
        ConfigError: If name, address, key or an extra is missing or wrong.
    """
    if workers() and split_name(config.name or "")[0] in IN_PROCESS:
        from embedtune.llm.remote_models import RemoteModel

        return RemoteModel(config)
    return load_here(config)


def load_here(config: LlmConfig) -> Provider:
    """Do the same, with a model that computes in this process."""
    kind, model = split_name(config.name or "")
    check_url(config.base_url)
    if kind == "hf":
        from embedtune.llm.local_models import load_local

        return load_local(model, config.quantize, config.adapter)
    if kind in IN_PROCESS:
        from embedtune.llm.gguf import load_gguf, packaged_gguf

        return load_gguf(packaged_gguf() if kind == LOCAL else Path(model), config)
    key = find_key(kind, config.base_url, config.key_variable)
    from embedtune.llm import servers

    if kind == "openai":
        return servers.openai_like(model, config, key)
    return servers.ollama(model, config, key) if kind == "ollama" else servers.by_class(kind, model, config, key)


def import_extra(module: str, extra: str) -> Any:
    """Import an optional part. Raises ``ConfigError`` with the line that installs it."""
    with requires(extra, where="--llm"):
        return import_module(module)
