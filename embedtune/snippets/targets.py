"""The stacks and servers that code can be printed for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from types import MappingProxyType
from typing import Literal, NamedTuple

from embedtune.errors import ConfigError, did_you_mean

Kind = Literal["run", "folder", "store", "server"]
"""What the code opens: the run folder, through this package; ``merged/`` by itself; the run folder with a store for its
vectors; or a server."""


class Target(NamedTuple):
    """A stack or a server.

    Attributes:
        title: For people.
        kind: See ``Kind``.
        modules: What the code imports besides this package.
        install: What ``pip install`` brings them.
    """

    title: str
    kind: Kind
    modules: tuple[str, ...]
    install: str


TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "llama-index": Target("LlamaIndex", "run", ("llama_index.core",), "embedtune[llama-index]"),
        "langchain": Target("LangChain", "run", ("langchain_core",), "embedtune[langchain]"),
        "haystack": Target("Haystack", "run", ("haystack",), "embedtune[haystack]"),
        "txtai": Target("txtai", "folder", ("txtai",), "txtai"),
        "chroma": Target("Chroma", "store", ("chromadb",), "chromadb"),
        "lancedb": Target("LanceDB", "store", ("lancedb",), "lancedb"),
        "qdrant": Target("Qdrant", "store", ("qdrant_client",), "qdrant-client"),
        "sentence-transformers": Target(
            "sentence-transformers", "folder", ("sentence_transformers",), "sentence-transformers"
        ),
        "tei": Target("Text Embeddings Inference", "server", ("httpx", "numpy"), "httpx numpy"),
        "vllm": Target("vLLM", "server", ("openai", "numpy"), "openai numpy"),
        "ollama": Target("Ollama", "server", ("ollama", "numpy"), "ollama numpy"),
        "openai": Target("a server with OpenAI's interface", "server", ("openai", "numpy"), "openai numpy"),
    }
)


def find_target(name: str) -> Target:
    """Return a target by its name.

    Raises:
        ConfigError: If there is none of that name.
    """
    if name not in TARGETS:
        raise ConfigError(f"--for: expected one of {', '.join(TARGETS)}, found {name!r}{did_you_mean(name, TARGETS)}")
    return TARGETS[name]


def demand_packages(target: Target) -> None:
    """Refuse to run code whose packages are missing.

    Raises:
        ConfigError: With the line that installs them.
    """
    missing = [module for module in target.modules if not _is_there(module)]
    if missing:
        raise ConfigError(
            f"{target.title}: expected the package of {', '.join(missing)}, found none", hint=install_line(target)
        )


def install_line(target: Target) -> str:
    """Return the command that installs a target's packages."""
    return f'pip install "{target.install}"' if "[" in target.install else f"pip install {target.install}"


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package that it is part of
        return False
