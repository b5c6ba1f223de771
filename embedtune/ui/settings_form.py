"""A form made from the schema of the settings, and the recipe and command that its values stand for.

Only what differs from a default gets into the recipe. Whether a model's own code may run is no field: that is for the command
line to say.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

from embedtune.config.settings import RunConfig, load_config
from embedtune.errors import ConfigError
from embedtune.regular import read_text
from embedtune.ui.jobs import RECIPE
from embedtune.ui.roots import Root

_SECTIONS = {"generate": "Documents and queries", "train": "Training", "eval": "Evaluation"}
_FIRST = (
    "generate.source", "generate.model", "generate.window_tokens", "generate.generator", "generate.llm.name",
    "train.method", "train.epochs", "train.max_pairs", "eval.queries", "seed",
)  # fmt: skip
"""What most people set; all else is folded away."""

_TRUST = "trust_remote_code"
_HIDDEN = frozenset({"out"})
_MOST = 1_000_000
Kind = Literal["text", "number", "choice", "list", "yaml"]


class Field(NamedTuple):
    """A setting: its dotted name, and how it is asked for. ``default`` is as it would be typed; empty where there is none."""

    name: str
    label: str
    help: str
    kind: Kind
    default: str
    choices: tuple[str, ...]
    group: str


class Recipe(NamedTuple):
    """What a form stands for: checked settings, their YAML, and the command that a person would type in the root folder."""

    config: RunConfig
    text: str
    command: str


@cache
def fields() -> tuple[Field, ...]:
    """Return all fields, in the order of the settings."""
    schema = RunConfig.model_json_schema()
    return tuple(_fields(schema, schema["$defs"], "", ""))


def first_fields() -> list[Field]:
    """Return the fields that are shown at once."""
    return sorted((field for field in fields() if field.name in _FIRST), key=lambda field: _FIRST.index(field.name))


def folded_fields() -> dict[str, list[Field]]:
    """Return the other fields by the title of their group."""
    groups: dict[str, list[Field]] = {}
    for field in fields():
        if field.name not in _FIRST:
            groups.setdefault(field.group, []).append(field)
    return groups


def _fields(schema: Mapping[str, Any], known: Mapping[str, Any], path: str, group: str) -> Iterator[Field]:
    for name, prop in schema["properties"].items():
        whole = f"{path}.{name}" if path else name
        if name == _TRUST or whole in _HIDDEN:
            continue
        if "$ref" in prop:
            inner = known[prop["$ref"].rpartition("/")[2]]
            title = _SECTIONS.get(name) or f"{group}: {name.replace('_', ' ')}"
            yield from _fields(inner, known, whole, title)
        else:
            yield _field(whole, prop, group or "All stages")


def _field(name: str, prop: Mapping[str, Any], group: str) -> Field:
    options = [each for each in prop.get("anyOf", [prop]) if each.get("type") != "null"]
    kind, choices = _kind(options[0])
    default = prop.get("default")
    text = "" if default is None else _typed(default, kind)
    label = name.partition(".")[2].replace(".", " ").replace("_", " ") or name
    return Field(name, label, prop.get("description", ""), kind, text, choices, group)


def _kind(prop: Mapping[str, Any]) -> tuple[Kind, tuple[str, ...]]:
    if "enum" in prop:
        return "choice", tuple(prop["enum"])
    match prop.get("type"):
        case "boolean":
            return "choice", ("false", "true")
        case "integer" | "number":
            return "number", ()
        case "array" if prop["items"].get("type") == "string" and "enum" not in prop["items"]:
            return "list", ()
        case "string":
            return "text", ()
    return "yaml", ()


def _typed(value: Any, kind: Kind) -> str:
    """Return a value as it is typed into a field."""
    if isinstance(value, bool):
        return str(value).lower()
    if kind == "list":
        return "\n".join(value)
    if kind == "yaml":
        return json.dumps(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def read_form(values: Mapping[str, str], out: str, root: Root) -> Recipe:
    """Return the recipe that a form's values stand for.

    Args:
        values: Field → text; empty texts and defaults are left out, other names are ignored.
        out: Name of the run folder, relative to the root.
        root: What the settings may name.

    Raises:
        ConfigError: With every value that cannot be used.
    """
    options: dict[str, Any] = {}
    settings: list[str] = []
    for field in fields():
        text = values.get(field.name, "").strip()
        if not text or text == field.default:
            continue
        if field.kind == "list":
            options[field.name] = tuple(line.strip() for line in text.splitlines() if line.strip())
        elif field.kind == "text" or (field.kind == "choice" and text not in ("true", "false")):
            options[field.name] = text
        else:
            settings.append(f"{field.name}={' '.join(text.split())}")
    if not options.get("generate.source"):
        raise ConfigError(
            "generate.source: expected a folder of documents, found none", hint="drop files, or choose a folder"
        )
    config = load_config(RunConfig, settings=settings, options={"out": out, **options})
    return _checked(config, root)


def read_recipe(run: Path, root: Root) -> Recipe:
    """Read the recipe of a run folder, and check it as if it had just been written.

    Raises:
        ConfigError: If it is no recipe, or names a place outside the root.
    """
    return _checked(load_config(RunConfig, file=run / RECIPE), root, out=root.name_of(run))


def form_values(recipe: Recipe) -> dict[str, str]:
    """Return a recipe's values as they are typed into the form."""
    found = {}
    values = recipe.config.model_dump(mode="json", exclude_unset=True)
    for field in fields():
        value: Any = values
        for part in field.name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            found[field.name] = _typed(value, field.kind)
    return found


def _checked(config: RunConfig, root: Root, out: str | None = None) -> Recipe:
    """Return a recipe whose places are below the root and which trusts no code of models."""
    values = _without_trust(config.model_dump(mode="json", exclude_unset=True))
    if out is not None:
        values["out"] = out
    root.check_values(values)
    try:
        root.place(values["out"])
    except ConfigError as error:
        raise ConfigError(f"out: {error}", hint="choose another name for the run folder") from error
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    command = shlex.join(["embedtune", "run", "--config", f"{values['out']}/{RECIPE}"])
    return Recipe(RunConfig.model_validate(values), text, command)


def _without_trust(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_trust(each) for name, each in value.items() if name != _TRUST}
    return value


def recipe_text(run: Path) -> str:
    """Return the recipe of a run folder as it is written; empty where there is none."""
    try:
        return read_text(run / RECIPE, _MOST)
    except (OSError, ValueError):
        return ""
