"""Options that all commands share, and the logging they set up."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import click

from embedtune.quiet import set_switches
from embedtune.redaction import RedactingFormatter


class Shared(NamedTuple):
    """What the shared options said.

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


_RECIPE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SET_HELP = "Any setting, for example --set learning_rate=2e-4; repeat."
_SETTINGS = (
    click.option("--config", "file", type=_RECIPE, help="YAML recipe; this command reads its section."),
    click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help=_SET_HELP),
    click.option("--seed", type=click.IntRange(min=0), help="Seed of everything random."),
)
_WORK = (
    click.option("--dry-run", is_flag=True, help="Say what would happen; write nothing."),
    click.option("--force", is_flag=True, help="Work even if nothing has changed."),
)
_PRINTING = (
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout."),
    click.option("-q", "--quiet", is_flag=True, help="Only warnings and errors on stderr."),
    click.option("-v", "--verbose", is_flag=True, help="Also what the libraries say."),
)


def shared(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the shared options; it gets them as its first argument, a ``Shared``."""
    return _with(command, (*_SETTINGS, *_WORK, *_PRINTING))


def without_work(command: Callable[..., None]) -> Callable[..., None]:
    """The same for a command that has no stage's work to plan or to force."""
    return _with(command, (*_SETTINGS, *_PRINTING))


def _with(command: Callable[..., None], options: Sequence[Callable[..., Any]]) -> Callable[..., None]:
    @wraps(command)
    def wrapped(*, quiet: bool, verbose: bool, **given: Any) -> None:
        set_up_logging(quiet=quiet, verbose=verbose)
        common = Shared(**{name: given.pop(name, False) for name in Shared._fields})
        command(common, **given)

    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


_LLM_SETTINGS = ("name", "base_url", "examples", "templates", "limit", "max_cost", "retry_errors")
_SETTING = {f"llm_{name}": f"llm.{name}" for name in _LLM_SETTINGS}
_LLM_OPTIONS = (
    click.option(
        "--llm", "llm_name", metavar="PROVIDER:MODEL", help="openai:MODEL, ollama:MODEL, hf:MODEL; for generator llm."
    ),
    click.option(
        "--base-url",
        "llm_base_url",
        metavar="URL",
        help="A server with the provider's interface; keys come from the environment.",
    ),
    click.option(
        "--examples", "llm_examples", type=click.Path(), help="Some of your real queries, one a line, as a pattern."
    ),
    click.option(
        "--templates",
        "llm_templates",
        type=click.Path(),
        help="Folder of prompts of your own; see embedtune templates.",
    ),
    click.option("--limit", "llm_limit", type=int, help="Passages that the LLM is asked about at most."),
    click.option(
        "--max-cost",
        "llm_max_cost",
        type=float,
        help="Stop before the answers cost more; needs prices (--set llm.price_input=…).",
    ),
    click.option(
        "--retry-errors", "llm_retry_errors", is_flag=True, default=None, help="Ask again what was given up before."
    ),
)


def llm(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a language model; they reach it under the names of their settings."""

    @wraps(command)
    def wrapped(**given: Any) -> None:
        command(**{_SETTING.get(name, name): value for name, value in given.items()})

    for option in reversed(_LLM_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def set_up_logging(*, quiet: bool, verbose: bool) -> None:
    """Log our messages to stderr, and the libraries' only on request."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter("%(message)s"))
    log = logging.getLogger("embedtune")
    log.handlers[:] = [handler]
    log.propagate = False
    log.setLevel(logging.WARNING if quiet else logging.INFO)
    _hush_libraries(handler if verbose else logging.NullHandler())
    _spare_the_machine()


def _spare_the_machine() -> None:
    """Settings that torch's libraries read when they are loaded; a user's own values win."""
    # Threads that wait by spinning steal the cores from those that work, as soon as anything else runs on the machine:
    # encoding was 4 to 10 times slower then.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # Every length of text is a shape of its own to oneDNN, and it keeps up to 1,024 of them ready: a gigabyte after 46 steps.
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16")


def _hush_libraries(handler: logging.Handler) -> None:
    """Send what libraries log and warn to one handler, and turn their own bars off.

    The switches are read when a library is imported, so this comes first; nothing heavy has been imported yet.
    """
    set_switches()
    logging.getLogger().handlers[:] = [handler]
    logging.captureWarnings(True)
