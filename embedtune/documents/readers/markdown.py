"""Markdown (CommonMark with tables), parsed by markdown-it-py."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from embedtune.documents.readers.files import ReadingLimits, read_decoded
from embedtune.documents.readers.html import add_html, parse_html
from embedtune.documents.readers.tables import add_table
from embedtune.documents.text_builder import TextBuilder
from embedtune.text.words import join_lines
from embedtune.types import Document

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?\n)?(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_TITLE = re.compile(r"""^title:[ \t]*(["']?)(.+?)\1[ \t]*$""", re.MULTILINE)
# MyST: directives that hold text, their options, and the role in front of a code span.
_ADMONITION = re.compile(
    r"\{(?:note|tip|hint|important|warning|caution|danger|attention|error|seealso|admonition|versionadded|versionchanged|"
    r"deprecated|dropdown|tab-item|card)\}"
)
_OPTIONS = re.compile(r"\A(?::[\w-]+:.*\n)+")
_ROLE = re.compile(r"\{[a-z][\w:-]*\}$")
_MAX_NESTING = 100  # of lists and quotations; the parser leaves out what is nested deeper
_TAG = re.compile(r"<br\b[^>]*>", re.IGNORECASE)


def read_markdown(path: Path, name: str, limits: ReadingLimits) -> Document:
    """Read a Markdown file; of its front matter the title is kept."""
    builder = TextBuilder(limits.max_chars)
    text = read_decoded(path)
    if front := _FRONT_MATTER.match(text):
        title = _TITLE.search(front[0])
        builder.title = title[2] if title else ""
        text = text[front.end() :]
    add_markdown(builder, text)
    return builder.build(name)


def add_markdown(builder: TextBuilder, text: str) -> None:
    """Add Markdown text to a document."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"maxNesting": _MAX_NESTING}).enable(["table", "strikethrough"])
    tokens = iter(parser.parse(text))
    for token in tokens:
        match token.type:
            case "heading_open":
                builder.heading(int(token.tag[1:]), _inline(next(tokens)))
            case "bullet_list_open" | "ordered_list_open":
                _add_list(builder, tokens, token)
            case "inline":
                builder.block(_inline(token))
            case _:
                _add_block(builder, token, tokens)


def _add_block(builder: TextBuilder, token: Token, tokens: Iterator[Token]) -> None:
    """Add what is no running text: code, HTML or a table."""
    match token.type:
        case "fence" if _ADMONITION.match(token.info):
            add_markdown(builder, _OPTIONS.sub("", token.content))
        case "fence" | "code_block":
            builder.code(token.content)
        case "html_block":
            add_html(builder, parse_html(token.content.encode()))
        case "table_open":
            add_table(builder, _rows(tokens), header=True)


def _add_list(builder: TextBuilder, tokens: Iterator[Token], first: Token) -> None:
    """Add a list as one block, a line for each item; code and tables in it are blocks of their own."""
    lines: list[str] = []
    numbers: list[int | None] = [_first_number(first)]
    prefix = ""

    def flush() -> None:
        builder.block("\n".join(lines))
        lines.clear()

    for token in tokens:
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                numbers.append(_first_number(token))
            case "bullet_list_close" | "ordered_list_close":
                numbers.pop()
                if not numbers:
                    break
            case "list_item_open":
                number = numbers[-1]
                prefix = "- " if number is None else f"{number}. "
                numbers[-1] = None if number is None else number + 1
            case "inline":
                lines.append(prefix + _inline(token))
                prefix = ""
            case "fence" | "code_block" | "html_block" | "table_open":
                flush()
                _add_block(builder, token, tokens)
    flush()


def _first_number(token: Token) -> int | None:
    return int(token.attrs.get("start", 1)) if token.type == "ordered_list_open" else None


def _rows(tokens: Iterator[Token]) -> list[list[str]]:
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(_inline(token))
    return rows


def _inline(token: Token) -> str:
    """Return the text of a paragraph or a heading: no emphasis, no link targets, no tags."""
    lines, line = list[str](), ""
    for part in token.children or ():
        match part.type:
            case "code_inline" if _ROLE.search(line):
                line = _ROLE.sub("", line) + part.content.lstrip("~!")
            case "text" | "code_inline" | "text_special":
                line += part.content
            case "softbreak":
                lines.append(line)
                line = ""
            case "image":
                line += _inline(part)
            case "hardbreak" | "html_inline" if part.type == "hardbreak" or _TAG.fullmatch(part.content):
                line += "\n"
    return join_lines(*lines, line)
