"""Files that travel with the package: recipes and the demo's queries."""

from __future__ import annotations

from pathlib import Path

from embedtune.errors import ConfigError, did_you_mean

_PACKAGE = Path(__file__).parent


def _folder(name: str) -> Path:
    """Return the packaged folder (wheel) or the one next to the package (checkout, editable install)."""
    packaged = _PACKAGE / f"_{name}"
    return packaged if packaged.is_dir() else _PACKAGE.parent / name


GENERAL_SET = _folder("data") / "general"
"""Queries and passages that have nothing to do with anybody's documents, in BEIR form."""


def recipes() -> dict[str, Path]:
    """Return the packaged recipes by name."""
    return {path.stem: path for path in sorted(_folder("pipelines").glob("*.yaml"))}


def describe_recipe(path: Path) -> str:
    """Return a recipe's first line, which says whom it is for, without its comment sign."""
    first, *_ = path.read_text(encoding="utf-8").splitlines()
    return first.removeprefix("#").strip()


def find_recipe(name: str) -> Path:
    """Return the recipe at a path, or the packaged one of that name; raises ``ConfigError`` if there is neither."""
    path = Path(name)
    if path.is_file():
        return path
    known = recipes()
    if name in known:
        return known[name]
    raise ConfigError(
        f"{name}: expected a recipe file or one of the packaged recipes ({', '.join(known)}), found neither"
        + did_you_mean(name, known),
        hint="embedtune run --list says what each is for; any YAML file of this form is a recipe",
    )


def find_query_set(name: str) -> Path | None:
    """Return the folder of a packaged query set in BEIR form, or None."""
    path = _folder("data") / name
    return path if (path / "queries.jsonl").is_file() else None
