"""Prompts: kinds of queries are assigned to passages, and templates (files to copy and edit) are filled in a sandbox.

Passages are values of a template, never templates.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from embedtune.errors import ConfigError, DataError
from embedtune.project.writing import replace_file, writing
from embedtune.regular import read_regular
from embedtune.synthesis.llm.template_process import Filled, TemplateProcess, compiled, fill
from embedtune.text.hashing import hash_text
from embedtune.types import Passage

MULTI_HOP = "multi_hop"
LLM_KINDS = ("question", "keywords", "claim", "task", MULTI_HOP)

_DESCRIPTIONS = {
    "question": ("a natural question, as somebody would ask it", "question"),
    "keywords": ("key words typed into a search box, no sentence", "list of key words"),
    "claim": ("a claim that somebody wants to check", "claim"),
    "task": ("a task or problem that somebody has, described without a question mark", "description of a problem"),
    MULTI_HOP: ("a question that needs a fact from each of the two passages", "question"),
}
_LENGTHS = {"keywords": (("2 to 4 words", 4), ("5 to 8 words", 8))}
_LENGTH = (("at most 9 words", 9), ("12 to 25 words", 25))
_CHARS_PER_WORD = 9


class Wanted(NamedTuple):
    """A requested query."""

    kind: str  # one of LLM_KINDS
    long: bool  # whether it should be long

    @property
    def description(self) -> str:
        """The description of the kind in the prompt."""
        return _DESCRIPTIONS[self.kind][0]

    @property
    def short(self) -> str:
        """The kind in few words, for small models."""
        return _DESCRIPTIONS[self.kind][1]

    @property
    def length(self) -> str:
        """The description of the length in the prompt."""
        return _LENGTHS.get(self.kind, _LENGTH)[self.long][0]

    @property
    def max_chars(self) -> int:
        """Characters that a query of this length may have."""
        return _CHARS_PER_WORD * _LENGTHS.get(self.kind, _LENGTH)[self.long][1]


class Request(NamedTuple):
    """The content of one call."""

    passages: tuple[Passage, ...]  # one passage, or two of one document for multi_hop
    wanted: tuple[Wanted, ...]  # the queries, in order


def plan_requests(
    passages: Sequence[Passage],
    weights: Mapping[str, float],
    *,
    per_passage: int,
    long_share: float,
    seed: int,
    single_query: bool = False,
) -> list[Request]:
    """Assign kinds, by weights that need not sum to 1, and lengths to the passages of a split in document order.

    The random generator is seeded by the passage, so that its requests do not depend on other passages; only the partner of a
    ``multi_hop`` query depends on the other passages of its document. With ``single_query`` each request is for one query.
    """
    by_document: dict[str, list[Passage]] = {}
    for passage in passages:
        by_document.setdefault(passage.document_id, []).append(passage)
    requests = []
    for passage in passages:
        draw = random.Random(f"{seed}:llm:{passage.passage_id}")  # noqa: S311 (reproducible on purpose)
        partner = _partner(passage, by_document[passage.document_id], draw)
        usable = {kind: weight for kind, weight in weights.items() if weight > 0 and (kind != MULTI_HOP or partner)}
        if not usable:
            continue
        kinds = draw.choices(list(usable), list(usable.values()), k=per_passage)
        wanted = [Wanted(kind, draw.random() < long_share) for kind in kinds]
        single = tuple(want for want in wanted if want.kind != MULTI_HOP)
        double = tuple(want for want in wanted if want.kind == MULTI_HOP)
        planned = [Request((passage,), single)] if single else []
        if double and partner:
            planned.append(Request((passage, partner), double))
        requests += (
            [Request(one.passages, (want,)) for one in planned for want in one.wanted] if single_query else planned
        )
    return requests


def _partner(passage: Passage, others: Sequence[Passage], draw: random.Random) -> Passage | None:
    """Return another passage of the document, a near one more often than a far one."""
    candidates = [other for other in others if other.passage_id != passage.passage_id and other.text != passage.text]
    chance = draw.random()  # drawn in any case, so that what follows does not depend on the document
    if not candidates:
        return None
    candidates.sort(key=lambda other: (abs(other.start - passage.start), other.passage_id))
    return candidates[int(chance * chance * len(candidates))]


PACKAGED = Path(__file__).parent / "templates"
NAMES = ("system", "write", "plain", "judge", "relabel")
_CANARY = "Zinnwald keeps eleven lanterns"
_DELIMITER_DIGITS = 12
_MOST_BYTES = 1_000_000  # of a template
_COPY = "embedtune templates FOLDER copies the packaged ones to start from"


class Prompts:
    """The templates of a run; ``hash`` is that of their bytes."""

    def __init__(self, folder: Path | None = None) -> None:
        """Read the packaged templates, replaced by those of a folder; each is filled once as a test.

        Raises ``ConfigError``, with file and line, if the folder or a template cannot be used.
        """
        self._paths = _template_paths(folder)
        texts = {name: _read(path) for name, path in self._paths.items()}
        self.hash = hash_text(*(part for name in NAMES for part in (name, texts[name])))
        self._process = None if folder is None else TemplateProcess(texts)
        templates = compiled(texts) if folder is None else {}
        assert isinstance(templates, dict)  # the packaged ones are templates
        self._templates = templates
        first = self._try_all()
        if self._process:
            self._process.stop()  # in another one, addresses of objects differ, and so does the order of sets
            for (name, text), (_, again) in zip(first, self._try_all(), strict=True):
                self._check_same(name, text, again)

    def system(self) -> str:
        """Return the system message."""
        return self._fill("system", {})

    def write(
        self, request: Request, *, delimiter: str, examples: Sequence[str], language: str | None, plain: bool
    ) -> str:
        """Return the prompt that asks for queries."""
        wanted = [
            {"description": each.description, "short": each.short, "length": each.length, **each._asdict()}
            for each in request.wanted
        ]
        values = {"n": len(request.wanted), "wanted": wanted, "examples": list(examples), "language": language}
        return self._fill(
            "plain" if plain else "write", {**_passages(request.passages), **values, "delimiter": delimiter}
        )

    def judge(self, passages: Sequence[Passage], queries: Sequence[str], *, delimiter: str) -> str:
        """Return the prompt that asks for grades of queries."""
        return self._fill("judge", {**_passages(passages), "queries": list(queries), "delimiter": delimiter})

    def relabel(self, query: str, passages: Sequence[str], *, delimiter: str) -> str:
        """Return the prompt that asks which passages answer a query."""
        return self._fill("relabel", {"query": query, "passages": list(passages), "delimiter": delimiter})

    def _fill(self, name: str, values: Mapping[str, Any]) -> str:
        filled = self._process.fill(name, values) if self._process else fill(self._templates[name], values)
        if filled.fault:
            raise self._refusal(name, filled, values)
        return filled.text

    def _refusal(self, name: str, filled: Filled, values: Mapping[str, Any]) -> ConfigError:
        expected, hint = (
            "expected a template that can be filled",
            f"its values are {', '.join(sorted(values)) or 'none'}",
        )
        if filled.name:
            name, expected, hint = filled.name, "expected a Jinja template", _COPY
        place = f"{self._paths[name]}:{filled.line}" if filled.line else str(self._paths[name])
        return ConfigError(f"{place}: {expected}, found: {filled.fault}", hint=hint)

    def _check_same(self, name: str, text: str, again: str) -> None:
        lines = zip_longest(text.splitlines(), again.splitlines(), fillvalue="")
        if other := next((pair for pair in lines if pair[0] != pair[1]), None):
            raise ConfigError(
                f"{self._paths[name]}: expected a template that always gives the same prompt, found {other[0][:80]!r} and then "
                f"{other[1][:80]!r}",
                hint="a prompt that changes is asked for, and paid for, again each time; take out what is drawn or counted",
            )

    def _try_all(self) -> list[tuple[str, str]]:
        """Fill each template with a test passage, look for it in the result, and return the results."""
        passage = Passage("p", "d", "Title", _CANARY, 0, len(_CANARY))
        request = Request((passage,), (Wanted("question", False),))
        double = Request((passage, passage), (Wanted(MULTI_HOP, True),))
        filled = [
            ("system", self.system()),
            ("write", self.write(request, delimiter="m", examples=["an example"], language=None, plain=False)),
            ("write", self.write(double, delimiter="m", examples=[], language="English", plain=False)),
            ("plain", self.write(request, delimiter="m", examples=[], language=None, plain=True)),
            ("judge", self.judge([passage], ["a query"], delimiter="m")),
            ("relabel", self.relabel("a query", [_CANARY], delimiter="m")),
        ]
        for name, text in filled[1:]:
            if _CANARY not in text:
                raise ConfigError(
                    f"{self._paths[name]}: expected a template that shows the passage, found none in what it gave",
                    hint="{{ passage }} stands for it, in relabel.jinja {{ passages }}",
                )
        return filled


def copy_templates(folder: Path) -> list[Path]:
    """Copy the packaged templates into a folder, to be edited; those that are there as they are packaged stay.

    Raises:
        ConfigError: If another file of such a name is there.
        ResourceError: If the folder cannot be written.
    """
    texts = {folder / f"{name}.jinja": (PACKAGED / f"{name}.jinja").read_bytes() for name in NAMES}
    for path, text in texts.items():
        if path.exists() and not (path.is_file() and path.read_bytes() == text):
            raise ConfigError(
                f"{path}: expected no file there, found one", hint="choose another folder, or move it away"
            )
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in texts.items():
            replace_file(path, text)
    return list(texts)


def delimiter_for(seed: int, texts: Sequence[str]) -> str:
    """Return a delimiter for one prompt: the author of the texts cannot guess it, because it depends on every word of them."""
    return hash_text("marker", str(seed), *texts)[:_DELIMITER_DIGITS]


def choose_examples(examples: Sequence[str], n: int, seed: int, passage_id: str) -> list[str]:
    """Sample some of the user's queries for one prompt."""
    draw = random.Random(f"{seed}:examples:{passage_id}")  # noqa: S311 (reproducible on purpose)
    return draw.sample(list(examples), min(n, len(examples)))


def _passages(passages: Sequence[Passage]) -> dict[str, object]:
    first, second = passages[0], passages[1] if len(passages) > 1 else None
    return {
        "title": first.title,
        "passage": first.text,
        "second_title": second.title if second else "",
        "second": second.text if second else "",
    }


def _template_paths(folder: Path | None) -> dict[str, Path]:
    packaged = {name: PACKAGED / f"{name}.jinja" for name in NAMES}
    if folder is None:
        return packaged
    own = {name: folder / f"{name}.jinja" for name in NAMES if (folder / f"{name}.jinja").is_file()}
    if not own:
        raise ConfigError(
            f"{folder}: expected a folder with templates ({', '.join(f'{name}.jinja' for name in NAMES)}), found none of them",
            hint=_COPY,
        )
    return packaged | own


def _read(path: Path) -> str:
    try:
        return read_regular(path, _MOST_BYTES).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError.at(path, None, "a template in UTF-8", str(error)) from error
