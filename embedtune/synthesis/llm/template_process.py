"""Fill a user's templates in a process of its own: Jinja's sandbox bounds what a template may touch, this what it may take.

Run as a module it is that process: ``python -m embedtune.synthesis.llm.template_process``. Both sides exchange lines of JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from traceback import walk_tb
from typing import Any, NamedTuple

_SECONDS = 10.0
_MEGABYTES = 512
_MOST_CHARS = 1_000_000
_CHANCE = ("random",), ("lipsum", "cycler", "joiner")  # filters and globals whose result is another one each time


class Filled(NamedTuple):
    """A filled template, or what is wrong with it and in which line; 0 where that is not known."""

    text: str
    fault: str = ""
    line: int = 0
    name: str = ""  # of the template, where it is another one than was to be filled


def compiled(texts: Mapping[str, str]) -> dict[str, Any] | Filled:
    """Return the templates by name, or what is wrong with the first that is none."""
    from jinja2 import StrictUndefined, TemplateSyntaxError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    for known, names in zip((environment.filters, environment.globals), _CHANCE, strict=True):
        for name in names:
            known.pop(name)
    templates = {}
    for name, text in texts.items():
        try:
            templates[name] = environment.from_string(text)
        except TemplateSyntaxError as error:
            return Filled("", str(error.message), error.lineno, name)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # of the Python that it becomes
            return Filled("", _said(error), 0, name)
    return templates


def fill(template: Any, values: Mapping[str, Any]) -> Filled:
    """Fill a compiled template."""
    try:
        text: str = template.render(values).strip()
    except Exception as error:  # a template can fail in any way
        lines = [line for frame, line in walk_tb(error.__traceback__) if frame.f_code.co_filename == "<template>"]
        return Filled("", _said(error), lines[-1] if lines else 0)
    if len(text) > _MOST_CHARS:
        return Filled("", f"a prompt of {len(text):,} characters; at most {_MOST_CHARS:,} are sent")
    return Filled(text)


def _said(error: BaseException) -> str:
    known: dict[type[BaseException], str] = {
        RecursionError: "a template that calls itself without end",
        MemoryError: f"more than {_MEGABYTES} MB of memory",
    }
    return known.get(type(error)) or str(error)[:300] or type(error).__name__


class TemplateProcess:
    """The other process, seen from here; it starts with the first template, and anew after it was stopped."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = dict(texts)
        self._child: subprocess.Popen[bytes] | None = None

    def fill(self, name: str, values: Mapping[str, Any]) -> Filled:
        """Fill a template by its name, within limits of time and memory."""
        child = self._started()
        assert child.stdin is not None and child.stdout is not None
        timer = threading.Timer(_SECONDS, child.kill)
        timer.start()
        try:
            child.stdin.write(json.dumps([name, values]).encode() + b"\n")
            child.stdin.flush()
            return Filled(*json.loads(child.stdout.readline()))
        except (OSError, ValueError):
            timed_out = not timer.is_alive()
            self.stop()
            limit = f"{_SECONDS:g} s" if timed_out else f"{_MEGABYTES} MB of memory"
            return Filled("", f"a template that took more than {limit}")
        finally:
            timer.cancel()

    def stop(self) -> None:
        """End the process."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            path = os.pathsep.join(entry or os.curdir for entry in sys.path)
            self._child = subprocess.Popen(  # noqa: S603 - our own module, by this Python
                [sys.executable, "-m", __spec__.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
            )
            assert self._child.stdin is not None
            self._child.stdin.write(json.dumps(self._texts).encode() + b"\n")
        return self._child

    def __del__(self) -> None:
        self.stop()


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    for kind, bound in ((resource.RLIMIT_AS, _MEGABYTES << 20), (resource.RLIMIT_CORE, 0)):
        try:
            resource.setrlimit(kind, (bound, resource.getrlimit(kind)[1]))
        except (OSError, ValueError):  # macOS refuses to bound the address space
            continue


def _serve() -> None:
    texts = json.loads(sys.stdin.buffer.readline())
    _limit_memory()  # constants are computed when a template is compiled
    templates = compiled(texts)
    for line in sys.stdin.buffer:
        name, values = json.loads(line)
        filled = templates if isinstance(templates, Filled) else fill(templates[name], values)
        sys.stdout.buffer.write(json.dumps(filled).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
