"""One page for each command, made from the command itself: its help, its options, the settings it reads."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel
from setting_rows import Setting, sections_of

from embedtune import cli, errors
from embedtune.config import settings as config

_NONE = "–"
_INDEX = """\
# Commands

{table}

Every option can also be set in the environment: `EMBEDTUNE_TRAIN_LEARNING_RATE=1e-4 embedtune train runs/mine`. The command
line wins, then the environment, then `--set`, then the recipe of `--config`, then the default.

## Exit codes

{codes}

[When each of them is used](../errors.md).
"""
_ABOUT_SETTINGS = """\
Use these with `--set KEY=VALUE`, or in a YAML recipe ([all settings](../pipelines/README.md#every-setting)). A dot separates a
section from its setting. A recipe has the sections `generate`, `train` and `eval`."""
_HOMES = {"GenerateConfig": "generate", "TrainConfig": "train", "EvaluateConfig": "eval", "RunConfig": "run",
          "WriterConfig": "tune-generator", "SearchConfig": "search"}  # fmt: skip
_STAGES = ("generate", "train", "eval")  # have their own pages
_FURTHER_CODES = (
    (0, "", "Done, also if the saved model is the base model."),
    (1, "", "A bug in embedtune; please report it."),
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page of each command, and the one that lists them."""
    context = click.Context(cli.group, info_name="embedtune")
    commands = {name: cli.group.get_command(context, name) for name in cli.group.list_commands(context)}
    files.append(File.generated(config, "commands/index.md", content=index_page(commands)))
    for name, command in commands.items():
        page = command_page(command, click.Context(command, parent=context, info_name=name))
        files.append(File.generated(config, f"commands/{name}.md", content=page))
    return files


def index_page(commands: dict[str, click.Command]) -> str:
    """Return the page that lists all commands and all exit codes."""
    rows = [(f"[embedtune {name}]({name}.md)", each.get_short_help_str(limit=200)) for name, each in commands.items()]
    return _INDEX.format(
        table=_table(("command", "what it does"), rows), codes=_table(("code", "class", "when"), _codes())
    )


def _codes() -> list[tuple[str, ...]]:
    classes = [
        each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, errors.EmbedtuneError)
    ]
    named = [
        (each.exit_code, f"`{each.__name__}`", inspect.cleandoc(each.__doc__ or "").partition("\n")[0])
        for each in classes
        if each not in (errors.EmbedtuneError, errors.StoppedError)
    ]
    stopped = inspect.cleandoc(errors.StoppedError.__doc__ or "")
    signals = [(130, "`StoppedError`", f"Ctrl-C. {stopped}"), (143, "`StoppedError`", f"SIGTERM. {stopped}")]
    return [(str(code), name, when) for code, name, when in sorted([*_FURTHER_CODES, *named, *signals])]


def command_page(command: click.Command, context: click.Context) -> str:
    """Return the page of one command as Markdown."""
    model = settings_of(command)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    parts = [
        f"# {context.command_path}",
        *_help(command.help or ""),
        "## Usage",
        f"```text\n{usage}\n```",
        "## Options",
    ]
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    rows = [(_names(each), each.help or "", _default(each, model)) for each in options]
    help_row = ("`-h`, `--help`", "Show this in the terminal.", _NONE)
    parts.append(_table(("option", "what", "default"), [*rows, help_row]))
    if model and model.__name__ in _HOMES:  # the others have an option for each setting
        parts += ["## Settings", *_settings(model, command.name or "")]
    parts.append("[Exit codes](index.md#exit-codes)")
    return "\n\n".join(parts) + "\n"


def settings_of(command: click.Command) -> type[BaseModel] | None:
    """Return the settings model of a command, from its call of ``load_config`` or ``Shared.load``; None if there is none."""
    assert command.callback is not None
    function = inspect.unwrap(command.callback)
    called = re.search(r"load(?:_config)?\((\w+)", inspect.getsource(function))
    return (function.__globals__.get(called[1]) or getattr(config, called[1])) if called else None


def _help(text: str) -> Iterator[str]:
    r"""Yield the paragraphs of a help text; those that click leaves as they are (``\b``) as code."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if not paragraph.startswith("\b\n"):
            yield paragraph
            continue
        lines = paragraph.removeprefix("\b\n").removeprefix("Example:").splitlines()
        yield "```bash\n" + "\n".join(line.strip() for line in lines) + "\n```"


def _names(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in sorted(option.opts, key=len))
    if option.is_flag:
        return names
    if isinstance(option.type, click.Choice):
        return f"{names} " + ", ".join(f"`{value}`" for value in option.type.choices)
    return f"{names} {option.make_metavar(click.Context(click.Command('any')))}"


def _default(option: click.Option, model: type[BaseModel] | None) -> str:
    """Return the default of an option, or that of the setting it stands for."""
    if option.required:
        return "required"
    if not option.is_flag and isinstance(option.default, str | int | float):
        return f"`{option.default}`"
    sections = sections_of(model) if model else ()
    known = {f"{part.name}.{each.name}".lstrip("."): each.default for part in sections for each in part.settings}
    default = known.get(re.sub("^llm_", "llm.", option.name or ""))
    return f"`{default}`" if default not in (None, "null", "[]", '""') else _NONE


def _settings(model: type[BaseModel], name: str) -> Iterator[str]:
    """Yield the tables of a command's settings; the stages' have one home each, and other pages lead there."""
    home = _HOMES[model.__name__]
    if name != home:
        yield f"Those of [embedtune {home}]({home}.md#settings)."
        return
    yield _ABOUT_SETTINGS
    for section in sections_of(model):
        if section.name.startswith(_STAGES):
            continue
        if section.name:
            yield f"### {section.name}\n\n{section.about}"
        yield _table(("setting", "what", "values", "default"), [_row(each) for each in section.settings])


def _row(each: Setting) -> tuple[str, ...]:
    default = "required" if each.default is None else f"`{each.default}`"
    return f"`{each.name}`", each.description, each.values, default


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
