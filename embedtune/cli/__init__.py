"""The command line: the group of commands; errors become messages and exit codes."""

from __future__ import annotations

import errno
import io
import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from types import TracebackType

import click

from embedtune import __version__
from embedtune.errors import EmbedtuneError, StoppedError, did_you_mean
from embedtune.redaction import redact
from embedtune.shown import ShownStream, shown
from embedtune.signals import TerminatedError, raise_on_termination

# Refusals of the operating system that any library may run into; another OSError is a bug of ours.
_RESOURCES = (
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.EIO, errno.EMFILE,
)  # fmt: skip
_COMMANDS = {
    "Tune a model": {
        "advise": "Recommend what to do with your documents, before any tuning.",
        "generate": "Make passages, queries and relevance judgements from documents.",
        "train": "Fine-tune the base model on the generated dataset.",
        "search": "Train with many settings, and keep the best on dev.",
        "eval": "Compare the base and the tuned model with BM25 and hybrid search.",
        "update": "Read changed documents, and train the model further.",
        "mine": "Find hard negatives for the train queries, to train on elsewhere.",
        "run": "Generate, train and evaluate with one recipe.",
    },
    "Look at the results": {
        "status": "Show where a run stands, what has changed, and what to do next.",
        "compare": "Show what each system finds for one query, side by side.",
        "ui": "Make, watch, search and judge runs in the browser.",
        "verify": "Check files against recorded checksums.",
    },
    "Use the model": {
        "plug": "Print the code that loads the model in LangChain, Chroma, vLLM and others.",
        "export-model": "Copy the model to a new folder, with a model card, or write it for other engines.",
        "push": "Copy the model to the Hugging Face Hub, private unless told.",
        "merge": "Add up the adapters of several runs as one model.",
        "serve": "Answer OpenAI's, Cohere's and TEI's clients, and search.",
        "fit-query-adapter": "Fit a linear query adapter for a closed embedding API.",
    },
    "Set up": {
        "doctor": "Check the installation.",
        "tune-generator": "Teach a language model to ask as your judged queries do.",
        "templates": "Copy the LLM prompts into a folder, to edit them.",
        "export-prompts": "Write the LLM prompts to a file, for a batch API.",
        "import-responses": "Read the answers of a batch API.",
    },
}
_CONTEXT = {"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "EMBEDTUNE", "max_content_width": 110}
_MODULES = {
    "stage_commands": ("generate", "train", "eval", "run"),
    "run_folder_commands": ("ui", "verify", "fit-query-adapter", "mine"),
    "llm_commands": ("templates", "export-prompts", "import-responses"),
}
"""Modules of several commands; any other command is in a module of its own."""

_NAMES = tuple(name for section in _COMMANDS.values() for name in section)


class _Group(click.Group):
    """Imports the module of a command when the command is called; the list of commands imports none."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _NAMES:
            return None
        name = next(
            (name for name, commands in _MODULES.items() if cmd_name in commands),
            f"{cmd_name.replace('-', '_')}_command",
        )
        values = vars(import_module(f"embedtune.cli.{name}")).values()
        return next(each for each in values if isinstance(each, click.Command) and each.name == cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}{did_you_mean(args[0], _NAMES)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, commands in _COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl(
                    list(commands.items()), col_spacing=max(map(len, _NAMES)) - max(map(len, commands)) + 2
                )


@click.group(cls=_Group, context_settings=_CONTEXT)
@click.version_option(__version__)
def group() -> None:
    """Fine-tune an embedding model for retrieval on your own documents, and measure what it gained.

    \b
    embedtune run quickstart       a demo in about three minutes: no key, no GPU
    embedtune generate docs/       then follow the next steps that each command prints
    """  # noqa: D301 (click reads the escaped b)


def main() -> None:
    """Run the command line and exit with the code of the contract."""
    raise_on_termination()
    sys.excepthook = _report_bug
    stdout = sys.stdout
    sys.stdout = ShownStream(stdout)
    try:
        code = _run()
    finally:
        sys.stdout = stdout
    sys.exit(code or 0)


def _run() -> int:
    """Run the command and return its exit code; errors become messages."""
    try:
        _check_arguments(sys.argv[1:])
        code: int = group.main(prog_name="embedtune", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        code = exit_.exit_code
    except (click.Abort, KeyboardInterrupt, StoppedError) as error:
        code = _stop(error)
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        click.echo(shown(redact(said.getvalue())), err=True, nl=False)
        code = error.exit_code
    except EmbedtuneError as error:
        code = _fail(str(error), error.hint, error.exit_code)
    except MemoryError:
        code = _fail("out of memory", "lower train.batch_size or generate.window_tokens", 5)
    except BrokenPipeError:
        # The reader has left (`| head`); Python would complain once more when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        if error.errno not in _RESOURCES:
            raise
        code = _fail(f"{error.filename or 'a file'}: {error.strerror}", "choose another folder or free disk space", 5)
    return code


def _check_arguments(arguments: Sequence[str]) -> None:
    """Refuse bytes that are no text: they cannot be written into a report, nor read by a model."""
    for argument in arguments:
        if any("\ud800" <= character <= "\udfff" for character in argument):
            raise click.UsageError(
                f"expected arguments in UTF-8, found {argument!r}; rename the folder, or set a locale such as LC_ALL=C.UTF-8"
            )


def _stop(error: BaseException) -> int:
    """Say how to go on where this command stopped: without --force, which would start again and has been noted."""
    again = "to continue: " + shlex.join(["embedtune", *(part for part in sys.argv[1:] if part != "--force")])
    if isinstance(error, StoppedError):
        return _fail(str(error), again, error.exit_code)
    cause = error.__cause__ or error  # click wraps what ends a command from outside into its own Abort
    return _fail("terminated", again, 143) if isinstance(cause, TerminatedError) else _fail("interrupted", again, 130)


def _report_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of a bug without keys: people paste it into reports."""
    click.echo(shown(redact("".join(traceback.format_exception(kind, error, trace)))), err=True, nl=False)


def _fail(message: str, hint: str | None, code: int) -> int:
    click.echo(f"Error: {shown(redact(message))}", err=True)
    if hint:
        click.echo(f"Hint: {shown(redact(hint))}", err=True)
    return code
