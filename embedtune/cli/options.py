"""Options that all commands share, and the logging they set up."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple, get_args

import click
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from embedtune.config.settings import LlmConfig
from embedtune.errors import did_you_mean, missing_path
from embedtune.quiet import set_switches
from embedtune.redaction import RedactingFormatter


class Choice(click.Choice[str]):
    """One of several names; a misspelled one is answered with the name that was probably meant."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Return the message for a name that is not a choice."""
        known = [str(name) for name in self.choices]
        return f"{value!r} is not one of {', '.join(known)}{did_you_mean(str(value), known)}"


class ExistingPath(click.Path):
    """A file or folder that exists, as a ``Path``; for another name it suggests what stands beside it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(exists=True, path_type=Path, **options)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        if not Path(value).exists():
            self.fail(f"{self.name.capitalize()} {str(value)!r} does not exist{missing_path(Path(value))}.", param, ctx)
        return super().convert(value, param, ctx)


RUN = ExistingPath(file_okay=False)
FILE = ExistingPath(dir_okay=False)


def setting(model: type[BaseModel], name: str, *declarations: str, **attributes: Any) -> Callable[..., Any]:
    """Return the option of a setting: its type, its choices and its help are those of the field.

    Args:
        model: Settings of the command.
        name: Of the field.
        declarations: As for ``click.option``; default: the name with dashes.
        attributes: As for ``click.option``; they win.
    """
    field = model.model_fields[name]
    leaves = _leaves(field.annotation)
    choices = [leaf for leaf in leaves if isinstance(leaf, str)]
    if bool in leaves:
        attributes = {"is_flag": True, "default": None, **attributes}
    else:
        attributes = {
            "type": Choice(choices) if choices else int if int in leaves else float if float in leaves else str,
            **attributes,
        }
    return click.option(*(declarations or (f"--{name.replace('_', '-')}",)), **{"help": _help(field), **attributes})


def _help(field: FieldInfo) -> str:
    shown = field.default if isinstance(field.default, str | int | float) and field.default is not False else None
    return f"{field.description}" + (f"  [default: {shown}]" if shown is not None else "")


def _leaves(annotation: Any) -> list[Any]:
    """Return the types and literal values that a union is made of."""
    return [leaf for part in get_args(annotation) for leaf in _leaves(part)] or [annotation]


class Shared(NamedTuple):
    """The values of the shared options.

    Attributes:
        file: Recipe, or None.
        settings: ``key=value`` strings.
        dry_run: Write nothing.
        force: Work even if nothing has changed.
        as_json: Print one JSON document.
    """

    file: Path | None
    settings: tuple[str, ...]
    dry_run: bool
    force: bool
    as_json: bool


AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
_CONFIG = (
    click.option("--config", "file", type=FILE, help="YAML recipe; only the section of this command is used."),
    click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change any setting; repeatable."),
    click.option("--seed", type=click.IntRange(min=0), help="Random seed.  [default: 0]"),
)
_WORK = (
    click.option("--dry-run", is_flag=True, help="Say what would be done, and write nothing."),
    click.option("--force", is_flag=True, help="Run again even if nothing has changed."),
)
_LOGGING = (
    click.option("-q", "--quiet", is_flag=True, help="Show only warnings and errors."),
    click.option("-v", "--verbose", is_flag=True, help="Also show the log messages of other libraries."),
)


def shared(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the shared options; it gets them as its first argument, a ``Shared``."""
    return _with_shared(command, (*_CONFIG, *_WORK, AS_JSON))


def without_work(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the shared options except ``--dry-run`` and ``--force``."""
    return _with_shared(command, (*_CONFIG, AS_JSON))


def logged(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command ``-q`` and ``-v``, and set up logging before it starts."""

    @wraps(command)
    def wrapped(*, quiet: bool, verbose: bool, **given: Any) -> None:
        set_up_logging(quiet=quiet, verbose=verbose)
        command(**given)

    return _with_options(wrapped, _LOGGING)


def _with_shared(command: Callable[..., None], options: Sequence[Callable[..., Any]]) -> Callable[..., None]:
    @wraps(command)
    def wrapped(**given: Any) -> None:
        common = Shared(**{name: given.pop(name, False) for name in Shared._fields})
        command(common, **given)

    return _with_options(logged(wrapped), options)


def _with_options(command: Callable[..., None], options: Sequence[Callable[..., Any]]) -> Callable[..., None]:
    for option in reversed(options):
        command = option(command)
    return command


_LLM_SETTINGS = ("name", "base_url", "examples", "templates", "limit", "max_cost", "retry_errors")
_SETTING = {f"llm_{name}": f"llm.{name}" for name in _LLM_SETTINGS}
_LLM_OPTIONS = (
    setting(LlmConfig, "name", "--llm", "llm_name", metavar="PROVIDER:MODEL"),
    setting(LlmConfig, "base_url", "--base-url", "llm_base_url", metavar="URL"),
    *(
        setting(LlmConfig, name, f"--{name.replace('_', '-')}", f"llm_{name}")
        for name in ("examples", "templates", "limit", "max_cost", "retry_errors")
    ),
)


def llm(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a language model; they reach it under the names of their settings."""

    @wraps(command)
    def wrapped(**given: Any) -> None:
        command(**{_SETTING.get(name, name): value for name, value in given.items()})

    return _with_options(wrapped, _LLM_OPTIONS)


def set_up_logging(*, quiet: bool, verbose: bool) -> None:
    """Log our messages to stderr, and the libraries' only on request."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter("%(message)s"))
    log = logging.getLogger("embedtune")
    log.handlers[:] = [handler]
    log.propagate = False
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    _hush_libraries(handler if verbose else logging.NullHandler())


def _hush_libraries(handler: logging.Handler) -> None:
    """Send what libraries log and warn to one handler, and turn their own bars off.

    The switches are read when a library is imported, so this comes first; nothing heavy has been imported yet.
    """
    set_switches()
    logging.getLogger().handlers[:] = [handler]
    logging.captureWarnings(True)
