"""The page of recipes: the text of pipelines/README.md, each packaged recipe, and one recipe with every setting."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page
from pydantic import BaseModel
from setting_rows import sections_of

from embedtune.config.settings import RunConfig

PIPELINES = Path(__file__).parents[3] / "pipelines"
_EVERY = """\
## Every setting

All settings are optional except `out` and `generate.source`. The values are the defaults.

```yaml
{recipe}
```
"""
_INDENT = "  "
_REQUIRED = {"out": "runs/mine", "source": "docs"}


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Add the recipes to their page; leave others as they are."""
    if page.file.src_uri != "pipelines/README.md":
        return markdown
    recipes = [
        f"## {path.stem}\n\n```yaml\n{path.read_text(encoding='utf-8')}```" for path in sorted(PIPELINES.glob("*.yaml"))
    ]
    return "\n\n".join([markdown.rstrip(), *recipes, _EVERY.format(recipe=every_setting())])


def every_setting() -> str:
    """Return a recipe that holds each setting with its default, its description and its values."""
    return "\n".join(_lines(RunConfig))


def _lines(model: type[BaseModel]) -> Iterator[str]:
    for section in sections_of(model):
        names = section.name.split(".") if section.name else []
        if names:
            yield from ["", *_comment(section.about, len(names) - 1), f"{_INDENT * (len(names) - 1)}{names[-1]}:"]
        for each in section.settings:
            value = each.default if each.default is not None else _REQUIRED[each.name]
            yield from _comment(f"{each.description} ({each.values.replace('`', '')})", len(names))
            yield f"{_INDENT * len(names)}{each.name}: {value}"


def _comment(text: str, depth: int) -> list[str]:
    start = _INDENT * depth + "# "
    return textwrap.wrap(text, 96, initial_indent=start, subsequent_indent=start)
