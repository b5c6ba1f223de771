"""Entries of the navigation that end in a slash: all pages of that folder, its README or index first."""

from __future__ import annotations

from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Write the pages into the navigation; those made from the code are known by now."""
    pages = [file.src_uri for file in files.documentation_pages()]
    config.nav = _expand(config.nav, pages)
    return files


def _expand(entry: Any, pages: list[str]) -> Any:
    if isinstance(entry, dict):
        return {title: _expand(value, pages) for title, value in entry.items()}
    if isinstance(entry, list):
        return [part for each in entry for part in _as_list(each, pages)]
    if isinstance(entry, str) and entry.endswith("/"):
        found = [page for page in pages if page.startswith(entry)]
        return sorted(found, key=lambda page: not page.endswith(("/index.md", "/README.md")))
    return entry


def _as_list(entry: Any, pages: list[str]) -> list[Any]:
    expanded = _expand(entry, pages)
    return expanded if isinstance(expanded, list) else [expanded]
