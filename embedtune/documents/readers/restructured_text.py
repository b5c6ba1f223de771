"""reStructuredText, parsed by docutils; directives and roles of Sphinx are read as far as they have text."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from embedtune.documents.readers.files import ReadingLimits, read_decoded
from embedtune.documents.readers.tables import Cell, add_table
from embedtune.documents.text_builder import TextBuilder
from embedtune.types import Document

_SETTINGS = {
    "file_insertion_enabled": False,
    "raw_enabled": False,
    "_disable_config": True,
    "report_level": 5,
    "halt_level": 5,
    "line_length_limit": 1_000_000,
    "warning_stream": False,
    "smart_quotes": False,
    "doctitle_xform": False,
    "docinfo_xform": False,
}
_TEXT_DIRECTIVES = str.split(
    "versionadded versionchanged versionremoved deprecated deprecated-removed seealso only tab-set tab-item tabs "
    "tab grid grid-item grid-item-card card dropdown impl-detail glossary centered hlist function class method "
    "attribute data module exception decorator py:function py:class py:method py:attribute py:data py:module "
    "py:exception py:decorator c:function c:type c:macro c:var c:member classmethod staticmethod describe object "
    "option cmdoption program confval envvar productionlist todo"
)
_SILENT_DIRECTIVES = str.split(
    "toctree index currentmodule sectionauthor codeauthor highlight tabularcolumns automodule autoclass "
    "autofunction autosummary plot image"
)
_CODE_DIRECTIVES = str.split(
    "code-block sourcecode doctest testcode testoutput testsetup ipython prompt literalinclude"
)
_ROLES = str.split(
    "func class meth attr mod data exc obj const term ref doc keyword pep rfc envvar option program file samp kbd "
    "command abbr dfn guilabel menuselection token numref eq any download manpage mailheader mimetype newsgroup "
    "regexp source issue gh cve cwe py:func py:class py:meth py:attr py:mod py:data py:exc py:obj c:func c:type "
    "c:macro c:data c:expr"
)
_TARGET = re.compile(r"\A(.*\S)\s*<[^<>]*>\Z", re.DOTALL)
_UNKNOWN_ROLE = re.compile(r"(?<![\w.:+-])([\w.:+-]++)`([^`]*)`")
_MARK = re.compile(r"(?<![^\s'\"(\[{<\-/:*`|])[*`|:_](?=\S)|(?<=[\w`\]])_(?!\w)|(?<=\w):(?=//)")
_MOST_MARKS = 1_000  # of a paragraph; a table has them too, but with a blank behind
_BLANK_LINES = re.compile(r"(\n[ \t]*+\n)")
_SILENT_NODES = frozenset(
    str.split("comment target substitution_definition system_message pending raw image meta header footer")
)


def read_restructured_text(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a reStructuredText file; it may include no other file and run nothing."""
    from docutils.core import publish_doctree

    _know_sphinx()
    builder = TextBuilder(limits.max_chars)
    tree = publish_doctree(_without_walls_of_marks(read_decoded(path)), settings_overrides=_SETTINGS)
    _add(builder, tree, level=0)
    return builder.build(name)


def _without_walls_of_marks(text: str) -> str:
    """Escape the marks in a paragraph of thousands: docutils looks for the end of each, as far as the paragraph goes."""
    parts = _BLANK_LINES.split(text)
    return "".join(_MARK.sub(r"\\\g<0>", part) if _is_wall(part) else part for part in parts)


def _is_wall(part: str) -> bool:
    return len(part) > _MOST_MARKS and sum(1 for _ in _MARK.finditer(part)) > _MOST_MARKS


def _add(builder: TextBuilder, node: Any, level: int) -> None:
    """Add a node with its content; ``level`` is that of its section."""
    tag = node.tagname
    if tag in _SILENT_NODES:
        return
    if tag == "title":
        builder.heading(max(1, level), _text(node))
    elif tag in ("literal_block", "doctest_block", "math_block"):
        builder.code(node.astext())
    elif tag == "table":
        _add_table(builder, node)
    elif tag in ("bullet_list", "enumerated_list") and not _holds_code(node):
        builder.block("\n".join(_items(node)))
    elif tag in ("field", "option_list_item"):
        name, body = node.children
        builder.block(f"{_text(name)}: {_text(body)}")
    elif _holds_blocks(node):
        for child in node.children:
            _add(builder, child, level + (child.tagname == "section"))
    else:
        builder.block(_text(node))


def _add_table(builder: TextBuilder, table: Any) -> None:
    from docutils import nodes

    named = any(True for _ in table.findall(nodes.thead))
    rows = [
        [
            Cell(_text(cell), cell.get("morerows", 0) + 1, cell.get("morecols", 0) + 1)
            for cell in row.findall(nodes.entry)
        ]
        for row in table.findall(nodes.row)
    ]
    for title in table.findall(nodes.title):
        builder.block(_text(title))
    add_table(builder, rows, header=named or None)


def _items(listed: Any) -> list[str]:
    numbered = listed.tagname == "enumerated_list"
    first = int(listed.get("start", 1))
    return [
        f"{f'{number}.' if numbered else '-'} {_text(item)}" for number, item in enumerate(listed.children, start=first)
    ]


def _holds_code(node: Any) -> bool:
    from docutils import nodes

    return any(True for _ in node.findall(nodes.literal_block)) or any(True for _ in node.findall(nodes.table))


def _holds_blocks(node: Any) -> bool:
    from docutils import nodes

    inline = (nodes.Inline, nodes.Text)
    return not isinstance(node, nodes.TextElement) and any(not isinstance(child, inline) for child in node.children)


def _text(node: Any) -> str:
    """Return the text of a node; images, targets and messages of the parser have none."""
    from docutils import nodes

    if isinstance(node, nodes.Text):
        return str(node)
    if node.tagname in _SILENT_NODES:
        return ""
    if node.tagname == "problematic":
        return _UNKNOWN_ROLE.sub(_of_unknown_role, node.astext())
    between = "" if isinstance(node, nodes.TextElement) else "\n"
    return between.join(filter(None, map(_text, node.children)))


def _of_unknown_role(match: re.Match[str]) -> str:
    before, colon, role = match[1].partition(":")
    return before + _role_text(match[2]) if colon and len(role) > 1 and role.endswith(":") else match[0]


def _role_text(text: str) -> str:
    """Return what Sphinx shows for a role: the title of ``title <target>``, the last part of ``~package.name``."""
    if match := _TARGET.match(text):
        return match[1]
    return text.rpartition(".")[2] if text.startswith("~") else text.removeprefix("!")


@cache
def _know_sphinx() -> None:
    """Register the directives and roles of Sphinx, which docutils alone would refuse with all their content."""
    from docutils import nodes
    from docutils.parsers.rst import Directive, directives, roles

    class Text(Directive):  # type: ignore[misc]
        has_content, optional_arguments, final_argument_whitespace = True, 100, True
        option_spec = _AnyOption()

        def run(self) -> list[Any]:
            container = nodes.container()
            if self.arguments:
                text = " ".join(self.arguments)
                inline, _ = self.state.inline_text(text, self.lineno)
                container += nodes.paragraph("", "", *inline)
            self.state.nested_parse(self.content, self.content_offset, container)
            return [container]

    class Code(Text):
        def run(self) -> list[Any]:
            text = "\n".join(self.content)
            return [nodes.literal_block(text, text)] if text else []

    class Silent(Text):
        def run(self) -> list[Any]:
            return []

    for names, directive in ((_TEXT_DIRECTIVES, Text), (_CODE_DIRECTIVES, Code), (_SILENT_DIRECTIVES, Silent)):
        for name in names:
            directives.register_directive(name, directive)

    def role(name: str, rawtext: str, text: str, *_: Any, **__: Any) -> tuple[list[Any], list[Any]]:
        shown = _role_text(text.replace("\0", ""))
        return [nodes.inline(rawtext, shown)], []

    for name in _ROLES:
        roles.register_local_role(name, role)


class _AnyOption(dict[str, Any]):
    """Options of any name are taken and passed over."""

    def __getitem__(self, key: str) -> Any:
        return str

    def __bool__(self) -> bool:
        return True
