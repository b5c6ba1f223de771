"""Pages outside docs/, and the links between all pages.

In the repository, links are paths from file to file, as on GitHub. On the site, they become paths from page to page, or
addresses in the repository if the target is not a page of the site.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[3]
DOCS = "docs/"
REPOSITORY = "https://github.com/embedtune/embedtune"
_NAMED = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
_FOLDERS = ("pipelines/*.md", "benchmarks/*.md", "data/*/*.md")
_FENCE = re.compile(r"(^ *```.*?^ *```)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")


def page_of(path: str) -> str | None:
    """Return the page that shows a file of the repository, both from their roots, or None."""
    if path in _NAMED:
        return _NAMED[path]
    if path.startswith(DOCS + "examples/") and path.endswith(".py"):
        return path.removeprefix(DOCS).removesuffix(".py") + ".md"
    if path.startswith(DOCS):
        return path.removeprefix(DOCS)
    return path if any(PurePosixPath(path).match(pattern) for pattern in _FOLDERS) else None


def _beside_docs() -> list[str]:
    found = [path for pattern in _FOLDERS for path in sorted(ROOT.glob(pattern))]
    return [*_NAMED, *(path.relative_to(ROOT).as_posix() for path in found)]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages outside docs/, and one for each example."""
    for path in _beside_docs():
        name = page_of(path)
        assert name is not None
        files.append(File.generated(config, name, abs_src_path=str(ROOT / path)))
    for path in sorted((ROOT / DOCS / "examples").glob("*.py")):
        text = path.read_text(encoding="utf-8")
        page = f"# {path.name}\n\n```python\n{text}```\n"
        files.append(File.generated(config, f"examples/{path.stem}.md", content=page))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite the links of a repository page to pages of the site."""
    uri = page.file.src_uri
    source = {name: path for path in _beside_docs() if (name := page_of(path))}.get(uri, DOCS + uri)
    if not (ROOT / source).is_file():
        return markdown  # made from the code; its links are those of the site

    def lead(link: re.Match[str]) -> str:
        before, path, anchor, after = link.groups()
        return before + _target(source, uri, path) + (anchor or "") + after

    parts = _FENCE.split(markdown)
    return "".join(part if number % 2 else _LINK.sub(lead, part) for number, part in enumerate(parts))


def _target(source: str, uri: str, link: str) -> str:
    """Return where a link of the file ``source``, shown as the page ``uri``, leads."""
    if ":" in link:
        return link
    path = os.path.normpath(PurePosixPath(source).parent / link)
    if not (ROOT / path).exists():
        return link  # the build says that it leads nowhere
    if (ROOT / path).is_dir():
        return f"{REPOSITORY}/tree/main/{quote(path)}"
    page = page_of(path)
    return os.path.relpath(page, PurePosixPath(uri).parent) if page else f"{REPOSITORY}/blob/main/{quote(path)}"
