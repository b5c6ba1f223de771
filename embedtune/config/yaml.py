"""YAML with places: values, the line of every key, and all that is wrong with a text at once.

Only what settings need is read: mappings with plain keys, lists and scalars. Dates stay strings. The text is not trusted: its
length, its depth and the number of values that aliases expand to are bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import yaml

KeyPath = tuple[str, ...]

_MAX_CHARACTERS = 200_000
_MAX_DEPTH = 20
_MAX_VALUES = 10_000
_MERGE = "tag:yaml.org,2002:merge"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_PLAIN = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


class YamlText(NamedTuple):
    """What was read."""

    value: Any  # dicts, lists and scalars; None if the text is no YAML. Keys are strings as written
    lines: dict[KeyPath, int]  # path of each key → its line, counted from 1
    problems: list[str]  # everything wrong with the text itself, each with its place


def read_yaml(text: str, place: Callable[[int], str]) -> YamlText:
    """Read a text; never raises. ``place`` names a line in problems, for example ``recipe.yaml:7``."""
    if len(text) > _MAX_CHARACTERS:
        return YamlText(None, {}, [f"{place(1)}: expected at most {_MAX_CHARACTERS:,} characters, found {len(text):,}"])
    try:
        node = yaml.compose(text, yaml.SafeLoader)
    except yaml.YAMLError as error:
        return YamlText(None, {}, [_syntax(text, error, place)])
    except RecursionError:
        return YamlText(None, {}, [f"{place(1)}: expected at most {_MAX_DEPTH} levels of nesting, found many more"])
    except (ValueError, OverflowError, LookupError) as error:  # a character that there is not
        return YamlText(None, {}, [f"{place(1)}: expected YAML, found: {shortened(str(error), quote=False)}"])
    reader = _Reader(place)
    try:
        value = None if node is None else reader.read(node, ())
    except _TooMuchError as error:
        return YamlText(None, {}, [str(error)])
    return YamlText(value, reader.lines, reader.problems)


class _TooMuchError(Exception):
    """The text is larger than any recipe."""


class _Reader:
    """Turns nodes into values and remembers where they stood."""

    def __init__(self, place: Callable[[int], str]) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[str] = []
        self._place = place
        self._n_values = 0
        self._scalars = yaml.SafeLoader("")

    def read(self, node: Any, path: KeyPath, depth: int = 0) -> Any:
        self._n_values += 1
        if depth > _MAX_DEPTH:
            raise _TooMuchError(f"{self._at(node)}: expected at most {_MAX_DEPTH} levels of nesting, found more")
        if self._n_values > _MAX_VALUES:
            raise _TooMuchError(
                f"{self._at(node)}: expected at most {_MAX_VALUES:,} values, found more when aliases are written out"
            )
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if node.tag not in _PLAIN:
            self._complain(node, f"expected a plain list or mapping, found the tag {node.tag!r}")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        return [self.read(item, (*path, str(number)), depth + 1) for number, item in enumerate(node.value)]

    def _mapping(self, node: yaml.MappingNode, path: KeyPath, depth: int) -> dict[str, object]:
        values: dict[str, object] = {}
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._complain(key_node, "expected the name of a setting, found a list or mapping as a key")
                continue
            key, line = key_node.value, key_node.start_mark.line + 1
            if key_node.tag == _MERGE:
                self._complain(key_node, "merge keys (<<) are not read; write the settings out")
            elif key in seen:
                self._complain(key_node, f"{'.'.join((*path, key))} is given twice; the first is in line {seen[key]}")
            else:
                seen[key] = self.lines[(*path, key)] = line
                values[key] = self.read(value_node, (*path, key), depth + 1)
        return values

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if node.tag == _TIMESTAMP:
            return node.value
        try:
            value = self._scalars.construct_object(node)
            if isinstance(value, str):
                value.encode("utf-8")  # "\ud800" is YAML and no text
                if "\0" in value:
                    raise ValueError("a NUL character")
        except (yaml.YAMLError, ValueError, OverflowError, LookupError, TypeError, AttributeError) as error:
            found = shortened(getattr(error, "problem", None) or str(error), quote=False)
            self._complain(node, f"expected a plain value, found {shortened(node.value)} ({found})")
            return None
        return value

    def _complain(self, node: yaml.Node, what: str) -> None:
        self.problems.append(f"{self._at(node)}: {what}")

    def _at(self, node: yaml.Node) -> str:
        return self._place(node.start_mark.line + 1)


def shortened(value: object, *, quote: bool = True, limit: int = 80) -> str:
    """Show any value in one short line that can be printed."""
    try:
        shown = repr(value) if quote else str(value)
    except (ValueError, RecursionError):  # an integer of thousands of digits, a list in itself
        shown = f"a very large {type(value).__name__}"
    shown = " ".join(shown.encode("utf-8", "backslashreplace").decode("utf-8").split())
    return shown if len(shown) <= limit else f"{shown[:limit]}…"


def _syntax(text: str, error: yaml.YAMLError, place: Callable[[int], str]) -> str:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        found = ", ".join(part for part in (error.context, error.problem) if part)
    else:
        line = text.count("\n", 0, getattr(error, "position", 0)) + 1
        found = getattr(error, "reason", str(error))
    return f"{place(line)}: expected YAML, found a syntax error: {shortened(found, quote=False, limit=200)}"
