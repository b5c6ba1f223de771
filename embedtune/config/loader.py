"""Gather values for settings from a recipe, ``--set`` and options, and say where each came from when one cannot be used."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from embedtune.config.yaml import KeyPath, read_yaml, shortened
from embedtune.errors import ConfigError, did_you_mean
from embedtune.regular import read_regular

_MOST_BYTES = 1_000_000
_MOST_PROBLEMS = 20


class Gathered:
    """Values by path, each with its place; what comes later wins.

    Attributes:
        values: Nested dicts, as the settings' models take them.
        problems: All that was wrong so far, each with its place.
    """

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.problems: list[str] = []
        self._places: dict[KeyPath, str] = {}

    def add_recipe(self, path: Path, section: str | None, known: Sequence[str], *, seeded: bool) -> None:
        """Take a YAML file, or one section of it; with ``seeded`` a section without a seed gets the one at the top.

        Raises ``ConfigError`` if the file cannot be read as YAML with a mapping at the top: then nothing else can be checked.
        """
        read = read_yaml(_read_text(path), lambda line: f"{path}:{line}")
        if not isinstance(read.value, dict):
            expected = "expected a mapping with the sections generate, train, eval"
            problems = read.problems or [f"{path}:1: {expected}, found {type(read.value).__name__}"]
            raise ConfigError.collect(str(path), problems, hint="the packaged recipes in pipelines/ are examples")
        self.problems += read.problems
        places = {key: f"{path}:{line}" for key, line in read.lines.items()}
        if section is None:
            self.values, self._places = read.value, places
            return
        self.problems += [f"{places[(key,)]}: {unknown(key, known)}" for key in read.value if key not in known]
        values = read.value.get(section)
        if isinstance(values, dict):
            self.values = values
            self._places = {key[1:]: place for key, place in places.items() if key[0] == section and len(key) > 1}
        elif values is not None:
            self.problems.append(
                f"{places[(section,)]}: {section}: expected a mapping of settings, found {shortened(values)}"
            )
        if seeded and read.value.get("seed") is not None and "seed" not in self.values:
            self.values["seed"] = read.value["seed"]
            self._places[("seed",)] = places[("seed",)]

    def add_setting(self, setting: str, section: str | None) -> None:
        """Take one ``key=value`` of ``--set``; the value is YAML, dots in the key go into sections."""
        where = f"--set {shortened(setting, quote=False)}"
        key, equals, text = setting.partition("=")
        if not equals or not key:
            self.problems.append(f"{where}: expected key=value, for example learning_rate=2e-4")
            return
        read = read_yaml(text, lambda _: where)
        if read.problems:
            self.problems += read.problems
            return
        path = tuple(key.split("."))
        if section and path[0] == section and len(path) > 1:
            path = path[1:]
        self._put(path, read.value, where)

    def add_option(self, key: str, value: object) -> None:
        """Take a named option of a command."""
        path = tuple(key.split("."))
        name = path[-2] if path[-1] == "name" else path[-1]
        self._put(path, value, "SOURCE" if key == "source" else f"--{name.replace('_', '-')}")

    def _put(self, path: KeyPath, value: object, where: str) -> None:
        values = self.values
        for part in path[:-1]:
            if values.get(part) is None:
                values[part] = {}
            values = values[part]
            if not isinstance(values, dict):
                self.problems.append(f"{where}: expected {part!r} to be a section, found the value {shortened(values)}")
                return
        values[path[-1]] = value
        self._places[path] = where

    def explain(self, model: type[BaseModel], error: ValidationError) -> list[str]:
        """Word every problem that a model found, with the place of its value."""
        problems = []
        for item in error.errors(include_url=False):
            path = tuple(map(str, item["loc"]))
            around = (self._places.get(path[:length]) for length in range(len(path), 0, -1))
            problems.append(": ".join(filter(None, [next(filter(None, around), None), _problem(model, item)])))
            if len(problems) == _MOST_PROBLEMS:
                return [*problems, f"and {len(error.errors(include_url=False)) - _MOST_PROBLEMS} more"][
                    : _MOST_PROBLEMS + 1
                ]
        return problems


def _read_text(path: Path) -> str:
    try:
        content = read_regular(path, _MOST_BYTES)
    except OSError as error:
        raise ConfigError(f"{path}: expected a YAML recipe, found: {error.strerror or error}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{path}:{line}: expected a YAML recipe in UTF-8, found {error.reason} at byte {error.start}",
            hint="save the file as UTF-8",
        ) from error


def _problem(model: type[BaseModel], item: Any) -> str:
    where = shortened(".".join(map(str, item["loc"])), quote=False) or "recipe"
    if item["type"] == "extra_forbidden":
        location = [part for part in item["loc"] if isinstance(part, str)]
        return unknown(where, _fields_at(model, location[:-1]))
    message = item["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    if item["type"] == "missing" or isinstance(item["input"], dict | BaseModel):
        return f"{where}: {message}"
    meant = ""
    if item["type"] == "literal_error":
        meant = did_you_mean(str(item["input"]), re.findall(r"'([^']*)'", item["ctx"]["expected"]))
    return f"{where}: {message}, found {shortened(item['input'])}{meant}"


def unknown(key: str, known: Sequence[str]) -> str:
    """Say that there is no such setting, and which was probably meant."""
    close = did_you_mean(key.rsplit(".", maxsplit=1)[-1], known)
    return f"{shortened(key, quote=False)}: there is no such setting" + (close or f"; known: {', '.join(known)}")


def _fields_at(model: type[BaseModel], path: list[str]) -> list[str]:
    for part in path:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)
