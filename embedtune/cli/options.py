"""Options that all commands share, and the logging they set up."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple, get_args

import click
from pydantic import BaseModel

from embedtune.config.settings import Config, GenerateConfig, LlmConfig, load_config
from embedtune.errors import did_you_mean, missing_path
from embedtune.events import record
from embedtune.processes import is_first
from embedtune.quiet import set_switches
from embedtune.redaction import RedactingFormatter


class Choice(click.Choice[str]):
    """One of several names; a misspelled one is answered with the name that was probably meant."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Return the message for a name that is not a choice."""
        known = [str(name) for name in self.choices]
        return f"{value!r} is not one of {', '.join(known)}{did_you_mean(str(value), known)}"


class ExistingPath(click.Path):
    """A file or folder that exists, as a ``Path``; other names are answered with a similar one."""

    def __init__(self, **options: Any) -> None:
        super().__init__(exists=True, path_type=Path, **options)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        if not Path(value).exists():
            self.fail(
                f"{self.name.capitalize()} {str(value)!r} does not exist{missing_path(Path(value)) or '.'}", param, ctx
            )
        return super().convert(value, param, ctx)


Decorator = Callable[[Callable[..., None]], Callable[..., None]]

RUN = ExistingPath(file_okay=False)
FILE = ExistingPath(dir_okay=False)


def setting(model: type[BaseModel], name: str, *declarations: str, **attributes: Any) -> Callable[..., Any]:
    """Return the option of a setting: its type, its choices and its help are those of the field.

    ``declarations`` and ``attributes`` are those of ``click.option``, and win; by default the option is named as the field.
    """
    field = model.model_fields[name]
    leaves = _leaves(field.annotation)
    choices = [leaf for leaf in leaves if isinstance(leaf, str)]
    if bool in leaves:
        attributes = {"is_flag": True, "default": None, **attributes}
    else:
        type_ = Choice(choices) if choices else next((each for each in (int, float) if each in leaves), str)
        attributes = {"type": type_, **attributes}
    is_shown = isinstance(field.default, str | int | float) and field.default is not False
    text = f"{field.description}" + (f"  [default: {field.default}]" if is_shown else "")
    return click.option(*(declarations or (f"--{name.replace('_', '-')}",)), **{"help": text, **attributes})


def _leaves(annotation: Any) -> list[Any]:
    """Return the types and literal values that a union is made of."""
    return [leaf for part in get_args(annotation) for leaf in _leaves(part)] or [annotation]


WINDOW = ("--window", "--window-tokens", "window_tokens")
"""Names of the option of ``window_tokens``."""


def settings(model: type[BaseModel], *names: str) -> Decorator:
    """Return the options of several settings as one decorator; see ``setting``."""
    return _all([setting(model, name, *(WINDOW if name == "window_tokens" else ())) for name in names])


def _all(decorators: Sequence[Callable[..., Any]]) -> Decorator:
    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


class Shared(NamedTuple):
    """The values of the shared options."""

    file: Path | None  # recipe, or None
    settings: tuple[str, ...]  # key=value strings
    dry_run: bool  # write nothing
    force: bool  # work even if nothing has changed
    as_json: bool  # print one JSON document

    def load(self, model: type[Config], section: str, options: Mapping[str, Any]) -> Config:
        """Return the settings of a command: its section of the recipe, ``--set`` and its own options.

        Raises ``ConfigError`` with everything that is wrong with them.
        """
        return load_config(model, section=section, file=self.file, settings=self.settings, options=options)


TRUST = setting(GenerateConfig, "trust_remote_code")


def which(what: str) -> Decorator:
    """Return the option ``--model`` of commands that use one of a run's models; ``what`` begins its help."""
    return click.option(
        "--model",
        "which",
        type=Choice(["auto", "base", "tuned"]),
        default="auto",
        show_default=True,
        help=f"{what}; auto is that of the decision about the run.",
    )


AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
_CONFIG = (
    click.option("--config", "file", type=FILE, help="YAML recipe; only the section of this command is used."),
    click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change any setting; repeatable."),
    click.option("--seed", type=click.IntRange(min=0), help="Random seed.  [default: 0]"),
)
_EVENTS = click.option(
    "--events",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write progress as JSON lines to this file, for programs; - is stderr.",
)
_WORK = (
    click.option("--dry-run", is_flag=True, help="Say what would be done, and write nothing."),
    click.option("--force", is_flag=True, help="Run again even if nothing has changed."),
)
_LOGGING = (
    click.option("-q", "--quiet", is_flag=True, help="Show only warnings and errors."),
    click.option("-v", "--verbose", is_flag=True, help="Also show the log messages of other libraries."),
)
_LLM_SETTINGS = ("name", "base_url", "adapter", "examples", "templates", "limit", "max_cost", "retry_errors")
_LLM = (
    setting(LlmConfig, "name", "--llm", "llm_name", metavar="PROVIDER:MODEL"),
    setting(LlmConfig, "base_url", "--base-url", "llm_base_url", metavar="URL"),
    setting(LlmConfig, "adapter", "--adapter", "llm_adapter", metavar="FOLDER"),
    *(setting(LlmConfig, name, f"--{name.replace('_', '-')}", f"llm_{name}") for name in _LLM_SETTINGS[3:]),
)


def logged(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``-q`` and ``-v``, and set up logging before it starts."""

    @_all(_LOGGING)
    @wraps(command)
    def wrapped(*, quiet: bool, verbose: bool, **given: Any) -> None:
        set_up_logging(quiet=quiet, verbose=verbose)
        command(**given)

    return wrapped


def shared(*, work: bool = True) -> Decorator:
    """Give a command the shared options, with ``work`` also --dry-run and --force; its first argument is a ``Shared``."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @_all([*_CONFIG, *(_WORK if work else ()), AS_JSON, _EVENTS])
        @logged
        @wraps(command)
        def wrapped(events: Path | None, **given: Any) -> None:
            common = Shared(**{name: given.pop(name, False) for name in Shared._fields})
            with nullcontext() if events is None else record(None if str(events) == "-" else events):
                command(common, **given)

        return wrapped

    return decorate


def llm(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a language model; they reach it under the names of their settings."""
    names = {f"llm_{name}": f"llm.{name}" for name in _LLM_SETTINGS}

    @_all(_LLM)
    @wraps(command)
    def wrapped(**given: Any) -> None:
        command(**{names.get(name, name): value for name, value in given.items()})

    return wrapped


def ray(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``--ray``: Ray's workers do what they can of it."""

    @click.option(
        "--ray",
        "cluster",
        metavar="ADDRESS|local",
        help="Read, cut, encode and compute local language models by Ray's workers: on this machine, or on the cluster at "
        "HOST:PORT or ray://HOST:PORT, whose token is in RAY_AUTH_TOKEN.",
    )
    @wraps(command)
    def wrapped(*arguments: Any, cluster: str | None, **given: Any) -> None:
        from embedtune.ray_workers import ray_workers

        with ray_workers(cluster):
            command(*arguments, **given)

    return wrapped


def set_up_logging(*, quiet: bool, verbose: bool) -> None:
    """Log our messages to stderr, and the libraries' only on request.

    Libraries read their switches when they are imported, so this comes before any of them.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter("%(message)s"))
    log = logging.getLogger("embedtune")
    log.handlers[:] = [handler]
    log.propagate = False
    log.setLevel((logging.WARNING if quiet else logging.INFO) if is_first() else logging.ERROR)
    set_switches()
    logging.getLogger().handlers[:] = [handler if verbose else logging.NullHandler()]
    logging.captureWarnings(True)
