"""What the models of embedtune.config.settings say about each setting: name, values, default, description."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel

_BOUNDS = {
    "minimum": "{} or more",
    "exclusiveMinimum": "above {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "below {}",
}
_TYPES = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false", "null": "null"}
_HUGE = 2**53  # a bound that only says what the library holds


class Setting(NamedTuple):
    """One setting.

    Attributes:
        name: Key in its section, such as ``max_pages``.
        values: What may stand there, in words.
        default: As YAML; None where it must be given.
        description: One sentence.
    """

    name: str
    values: str
    default: str | None
    description: str


class Section(NamedTuple):
    """The settings of one model, sections inside it left out.

    Attributes:
        name: Path of the section, such as ``reading``; empty for the model itself.
        about: First line of the model's docstring.
        settings: In the order of the code.
    """

    name: str
    about: str
    settings: list[Setting]


def sections_of(model: type[BaseModel], name: str = "") -> Iterator[Section]:
    """Yield the settings of a model, then those of the sections inside it."""
    schema = model.model_json_schema()
    inner = {key: kind for key, field in model.model_fields.items() if (kind := section_model(field.annotation))}
    settings = [
        Setting(key, _values(schema["properties"][key], schema), _default(model, key), field.description or "")
        for key, field in model.model_fields.items()
        if key not in inner
    ]
    yield Section(name, (model.__doc__ or "").partition("\n")[0], settings)
    for key, kind in inner.items():
        yield from sections_of(kind, f"{name}.{key}".lstrip("."))


def section_model(annotation: Any) -> type[BaseModel] | None:
    """Return the model behind a field that is a section, else None."""
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def as_yaml(value: Any) -> str:
    """Write a default on one line; JSON is YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {as_yaml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(as_yaml, value)) + "]"
    if isinstance(value, str) and value.replace("-", "").replace("_", "").isalnum() and value != "none":
        return value
    return json.dumps(value, ensure_ascii=False)


def _default(model: type[BaseModel], key: str) -> str | None:
    field = model.model_fields[key]
    return None if field.is_required() else as_yaml(field.get_default(call_default_factory=True))


def _values(found: dict[str, Any], schema: dict[str, Any]) -> str:
    """Say in words what a JSON schema allows."""
    if "$ref" in found:
        return _values(schema["$defs"][found["$ref"].rpartition("/")[2]], schema)
    if "anyOf" in found:
        return ", or ".join(dict.fromkeys(_values(each, schema) for each in found["anyOf"]))
    if "enum" in found or "const" in found:
        return ", ".join(f"`{value}`" for value in found.get("enum", [found.get("const")]))
    if found["type"] == "array":
        return "list of " + _values(found.get("items") or {"type": "string"}, schema)
    if found["type"] == "object":
        return _mapping(found, schema)
    return ", ".join([_TYPES[found["type"]], *_bounds(found)])


def _mapping(found: dict[str, Any], schema: dict[str, Any]) -> str:
    if "properties" in found:
        return "`{" + ", ".join(f"{name}: …" for name in found["properties"]) + "}`"
    values = found["additionalProperties"]
    names = _values(found.get("propertyNames", {"type": "string"}), schema)
    return f"{names}: {'any' if values is True else _values(values, schema)}"


def _bounds(found: dict[str, Any]) -> list[str]:
    bounds = {key: found[key] for key in _BOUNDS if abs(found.get(key, _HUGE)) < _HUGE}
    if {"minimum", "maximum"} <= bounds.keys():
        return [f"{bounds['minimum']} to {bounds['maximum']}"]
    return [_BOUNDS[key].format(value) for key, value in bounds.items()]
