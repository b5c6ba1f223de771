"""Templates filled with an evaluation's figures: what comes from outside is escaped in each of them, whoever forgets to."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import regex

from embedtune.evaluation.points import points as signed_points
from embedtune.project.evaluation_records import Difference

if TYPE_CHECKING:
    from jinja2 import Environment

_MARKDOWN = re.compile(r"([\\`*{}\[\]<>#|~&$!]|(?<![^\W_])_|_(?![^\W_]))")  # an underline inside a word is one
_LONGEST = 600  # of a value in Markdown
# Control characters but tab and newline, zero-width space, line and paragraph separators, directional embeddings, overrides and
# isolates, invisible operators, byte order mark, annotation marks, tags, lone surrogates and noncharacters. Joiners and the
# left-to-right and right-to-left marks stay: scripts need them, and inside an isolated element they turn nothing round.
_HIDDEN = regex.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
    r"\ud800-\udfff\p{noncharacter_code_point}]"
)
_PILED = regex.compile(r"(\p{M}{4})\p{M}+")  # no language puts more marks on one letter
_BLANK_LINES = regex.compile(r"\n\s*\n\s*\n")


@cache
def _environment(*, markdown: bool) -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("embedtune.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_in_markdown if markdown else _in_html,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters = (cut, interval, number, p_value, points, score, share)
    environment.filters |= {function.__name__: function for function in filters}
    return environment


def fill(name: str, values: Mapping[str, object]) -> str:
    """Fill a template of this package, ``.html.jinja`` or ``.md.jinja``; a value that is not there is an error."""
    return _environment(markdown=name.endswith(".md.jinja")).get_template(name).render(values)


@cache
def stylesheet() -> tuple[str, str]:
    """Return the page's style sheet and the source expression that lets it, and nothing else, take effect (CSP level 2)."""
    source, *_ = _environment(markdown=False).loader.get_source(_environment(markdown=False), "page.css")  # type: ignore[union-attr]
    text = f"\n{source}"
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return text, f"'sha256-{digest}'"


def score(value: float) -> str:
    """Return a score as tables show it.

    Examples:
        >>> score(0.7934)
        '0.793'
    """
    return f"{value:.3f}"


def points(value: float | None, digits: int = 1) -> str:
    """Return a difference of scores in points, with its sign; a dash where there is none.

    Examples:
        >>> points(0.0123), points(-0.00001), points(None)
        ('+1.2', '0.0', '–')
    """
    if value is None:
        return "–"
    text = signed_points(value, digits)
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def interval(difference: Difference) -> str:
    """Return the 95 % interval of a difference in points; a dash where there is none."""
    return f"{points(difference.low)} to {points(difference.high)}" if difference.ci95 else "–"


def p_value(value: float | None) -> str:
    """Return a p with two digits; a dash where there is none."""
    return "–" if value is None else f"{value:.2g}"


def share(value: float) -> str:
    """Return a share in per cent, which no line end parts."""
    return f"{100 * value:.1f}\N{NO-BREAK SPACE}%"


def number(value: float) -> str:
    """Return a number with its thousands parted.

    Examples:
        >>> number(1394), number(0.5)
        ('1,394', '0.5')
    """
    return f"{value:,}"


def _in_html(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _in_markdown(value: Any) -> Any:
    """Return a value on one line, with everything escaped that Markdown or the HTML inside it would obey."""
    from markupsafe import Markup

    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    escaped = _MARKDOWN.sub(r"\\\1", cut(" ".join(visible(value).split()), _LONGEST))
    return Markup(escaped)  # noqa: S704 (escaped in the way of Markdown, once)


def visible(text: str) -> str:
    r"""Return a text with each hidden character as its number, at most four marks on a letter and one blank line in a row.

    Examples:
        >>> visible("abc\u202ecba\x00")
        'abc‹U+202E›cba‹U+0000›'
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    named = _HIDDEN.sub(lambda match: f"‹U+{ord(match.group()):04X}›", lines)
    calm: str = _BLANK_LINES.sub("\n\n", _PILED.sub(r"\1", named))
    return calm


def cut(text: str, length: int) -> str:
    """Return a text of at most so many characters; an ellipsis replaces what is left out."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"
