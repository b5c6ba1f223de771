"""The command line: one file for each command; this one holds the group and turns errors into messages and exit codes."""

from __future__ import annotations

import errno
import io
import os
import shlex
import sys
import traceback
from importlib import import_module
from types import TracebackType

import click

from embedtune import __version__
from embedtune.errors import EmbedtuneError, StoppedError
from embedtune.redaction import redact
from embedtune.signals import TerminatedError, raise_on_termination

# Refusals of the operating system that any library may run into; another OSError is a bug of ours.
_RESOURCES = (
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.EIO, errno.EMFILE,
)  # fmt: skip
_COMMANDS = (
    "advise", "generate", "train", "eval", "compare", "ui", "plug", "fit-query-adapter", "run", "verify", "doctor",
    "templates", "export-prompts", "import-responses", "export-model",
)  # fmt: skip


class _Group(click.Group):
    """Loads a command's module when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"embedtune.cli.{cmd_name.replace('-', '_')}_command").command
        return command


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "EMBEDTUNE"})
@click.version_option(__version__)
def group() -> None:
    """Fine-tune an embedding model for retrieval on your own documents, and see what it gained.

    \b
    embedtune run quickstart                    the demo: no key, no GPU, about three minutes
    embedtune advise docs/                      what is worth doing, before anything is made
    embedtune generate docs/ --out runs/mine    queries from your documents
    embedtune train runs/mine                   LoRA on quantised frozen weights
    embedtune eval runs/mine                    base and tuned model, BM25 and their fusions
    embedtune compare runs/mine "a query"       what each system finds, side by side
    embedtune ui runs/mine                      a page to search, browse and judge in
    embedtune plug runs/mine --for langchain    the code that puts it into your application
    embedtune fit-query-adapter runs/mine                 a map for the queries of an embedder that is closed
    embedtune export-model runs/mine mine/      the model with a card of what was measured
    embedtune verify runs/mine                  is every byte as it was written?
    embedtune doctor                            what works on this machine
    embedtune templates prompts/                the prompts for an LLM, to be edited
    embedtune export-prompts, import-responses  let a batch API or a cluster do the calls
    """  # noqa: D301 (click reads the escaped b)


def main() -> None:
    """Run the command line and exit with the code of the contract."""
    raise_on_termination()
    sys.excepthook = _report_bug
    try:
        code = group.main(prog_name="embedtune", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        code = exit_.exit_code
    except (click.Abort, KeyboardInterrupt, StoppedError) as error:
        code = _stop(error)
    except click.ClickException as error:
        shown = io.StringIO()
        error.show(shown)
        click.echo(redact(shown.getvalue()), err=True, nl=False)
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
    sys.exit(code or 0)


def _stop(error: BaseException) -> int:
    """Say how to go on where this command stopped: without --force, which would start again and has been noted."""
    again = "to go on: " + shlex.join(["embedtune", *(part for part in sys.argv[1:] if part != "--force")])
    if isinstance(error, StoppedError):
        return _fail(str(error), again, error.exit_code)
    cause = error.__cause__ or error  # click wraps what ends a command from outside into its own Abort
    return _fail("terminated", again, 143) if isinstance(cause, TerminatedError) else _fail("interrupted", again, 130)


def _report_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of a bug without keys: people paste it into reports."""
    click.echo(redact("".join(traceback.format_exception(kind, error, trace))), err=True, nl=False)


def _fail(message: str, hint: str | None, code: int) -> int:
    click.echo(f"Error: {redact(message)}", err=True)
    if hint:
        click.echo(f"Hint: {redact(hint)}", err=True)
    return code
