"""The code for one run and one target: a template, filled with the facts of the run."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from embedtune.errors import ConfigError
from embedtune.shown import on_one_line, quoted_for_python, quoted_for_shell
from embedtune.snippets.routes import Facts, Route, demand_route, find_target, install_line
from embedtune.snippets.served_folders import folder_names

PORTS = {"tei": (8080, 8081), "vllm": (8000, 8001), "ollama": (11434, 11434), "openai": (8000, 8001)}
"""Where the printed commands let the servers of queries and of documents listen."""

WITH_WORDS = ("pgvector", "milvus", "qdrant")
"""Stores that take sparse vectors."""

_WIDTH = 118


class Plug(NamedTuple):
    """Python to be pasted, whose first comments say what is loaded and why; and the commands that start a server, in order."""

    target: str
    code: str
    route: Route
    commands: tuple[str, ...]
    install: str


class Served(NamedTuple):
    """Where the models of a server are; what is None is as the printed commands have it."""

    folder: Path | None = None
    query_url: str | None = None
    document_url: str | None = None


def render(facts: Facts, name: str, served: Served = Served(), *, words: bool = False) -> Plug:  # noqa: B008 (immutable)
    """Return the code for a target, with ``words`` also for the words of passages beside their vectors.

    Raises:
        ConfigError: If there is no such target, it cannot load this run, or it has no place for words.
    """
    target, route = find_target(name), demand_route(facts, name)
    if words and name not in WITH_WORDS:
        raise ConfigError(
            f"--words: expected one of {', '.join(WITH_WORDS)}, which take sparse vectors, found {name}",
            hint="Retriever fuses words with the vectors of any store: docs/integrations/vector-stores.md",
        )
    is_server = target.kind == "server"
    commands = _commands(facts, name, served) if is_server else ()
    install = install_line(target)
    template = "openai" if name == "vllm" else name.replace("-", "_")
    places = _places(facts, name, served) if is_server else {}
    body = _environment().get_template(f"{template}.py.jinja").render(facts=facts, words=words, **places)
    head = "\n".join(_comments(facts, target.title, route, commands, install))
    return Plug(name, f"{head}\n{body.strip()}\n", route, commands, install)


def probe(name: str) -> str:
    """Return what a check runs behind the code of a target: it sets ``query_vectors`` and ``document_vectors``."""
    code: str = _environment().get_template("_probe.py.jinja").render(target=name, kind=find_target(name).kind)
    return code


def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 (Python, not HTML; every value is written as a string)
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["identifier"] = lambda name: re.sub(r"^(?=\d)|\W", "_", name)
    environment.filters["py"] = lambda value: quoted_for_python(str(value))
    return environment


def _comments(facts: Facts, title: str, route: Route, commands: tuple[str, ...], install: str) -> list[str]:
    prompts = "no prompts"
    if facts.query_prompt or facts.document_prompt:
        prompts = f"prompts {facts.query_prompt!r} for queries, {facts.document_prompt!r} for documents"
    lines = [
        f"{facts.name} ({facts.method}) for {title}: vectors of {facts.dimension} dimensions and unit length; {prompts}; "
        f"eval cut passages into windows of {facts.window_tokens} tokens.",
        f"It loads {route.loads}.",
        *(f"- {reason}" for reason in route.reasons),
        install,
    ]
    wrapped = [part for line in lines for part in textwrap.wrap(on_one_line(line), _WIDTH, break_long_words=False)]
    return [*(f"# {line}" for line in wrapped), *(f"# $ {command}" for command in commands)]


def _places(facts: Facts, name: str, served: Served) -> dict[str, str]:
    """Return addresses and model names for the code of a client."""
    two = facts.shape == "two"
    first, second = PORTS[name]
    query_url = served.query_url or f"http://localhost:{first}"
    apart = f"http://localhost:{second}" if two and not served.query_url else query_url

    def address(url: str) -> str:
        """Complete the address of a server with OpenAI's interface, whose methods are below ``/v1`` unless it has a path."""
        bare = name in ("vllm", "openai") and urlsplit(url).path in ("", "/")
        return url.rstrip("/") + ("/v1" if bare else "")

    return {
        "query_url": address(query_url),
        "document_url": address(served.document_url or apart),
        "query_model": f"{facts.name}-query" if two else facts.name,
        "document_model": f"{facts.name}-document" if two else facts.name,
    }


def _commands(facts: Facts, name: str, served: Served) -> tuple[str, ...]:
    folder = served.folder or facts.run.with_name(f"{facts.run.name}-served")
    run, target = quoted_for_shell(str(facts.run)), quoted_for_shell(str(folder))
    commands = [f"embedtune plug {run} --for {name} --model {facts.model} --export {target}"]
    for part, port in zip(folder_names(facts), PORTS[name], strict=False):
        model = facts.name if part == "model" else f"{facts.name}-{part}"
        quoted = quoted_for_shell(str(folder / part))
        if name == "tei":
            commands.append(f"text-embeddings-router --model-id {quoted} --dtype float32 --port {port}")
        elif name == "ollama":
            commands.append(f"ollama create {model} -f {quoted_for_shell(str(folder / part / 'Modelfile'))}")
        else:
            commands.append(
                f"vllm serve {quoted} --runner pooling --dtype float32 --served-model-name {model} --port {port}"
            )
    return tuple(commands)
