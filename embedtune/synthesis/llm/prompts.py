"""Prompts: kinds of queries are assigned to passages, and templates (files to copy and edit) are filled in a sandbox.

Passages are values of a template, never templates.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, NamedTuple

from embedtune.errors import ConfigError, DataError
from embedtune.text.hashing import hash_text
from embedtune.types import Passage

if TYPE_CHECKING:
    from jinja2 import Template


MULTI_HOP = "multi_hop"
LLM_KINDS = ("question", "keywords", "claim", "task", MULTI_HOP)

_DESCRIPTIONS = {
    "question": ("a natural question, as somebody would ask it", "question"),
    "keywords": ("key words typed into a search box, no sentence", "list of key words"),
    "claim": ("a claim that somebody wants to check", "claim"),
    "task": ("a task or problem that somebody has, described without a question mark", "description of a problem"),
    MULTI_HOP: ("a question that needs a fact from each of the two passages", "question"),
}
_LENGTHS = {"keywords": ("2 to 4 words", "5 to 8 words")}
_LENGTH = ("at most 9 words", "12 to 25 words")


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
        return _LENGTHS.get(self.kind, _LENGTH)[self.long]


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


class Prompts:
    """The templates of a run; ``hash`` is that of their bytes."""

    def __init__(self, folder: Path | None = None) -> None:
        """Read the packaged templates, replaced by those of a folder; each is filled once as a test.

        Raises ``ConfigError``, with file and line, if the folder or a template cannot be used.
        """
        from jinja2 import StrictUndefined, TemplateSyntaxError
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        self._paths = _template_paths(folder)
        texts = {name: _read(path) for name, path in self._paths.items()}
        self.hash = hash_text(*(part for name in NAMES for part in (name, texts[name])))
        self._templates: dict[str, Template] = {}
        for name in NAMES:
            try:
                self._templates[name] = environment.from_string(texts[name])
            except TemplateSyntaxError as error:
                raise ConfigError(
                    f"{self._paths[name]}:{error.lineno}: expected a Jinja template, found: {error.message}",
                    hint="embedtune templates FOLDER copies the packaged ones to start from",
                ) from error
        self._try_all()

    def system(self) -> str:
        """Return the system message."""
        return self._fill("system", {})

    def write(
        self, request: Request, *, delimiter: str, examples: Sequence[str], language: str | None, plain: bool
    ) -> str:
        """Return the prompt that asks for queries."""
        values = {"n": len(request.wanted), "wanted": request.wanted, "examples": list(examples), "language": language}
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
        from jinja2 import TemplateError

        try:
            return self._templates[name].render(values).strip()
        except (TemplateError, TypeError, ValueError, ArithmeticError, AttributeError, LookupError) as error:
            trace = walk_tb(error.__traceback__)
            lines = [line for frame, line in trace if frame.f_code.co_filename == "<template>"]
            place = f"{self._paths[name]}:{lines[-1]}" if lines else str(self._paths[name])
            raise ConfigError(
                f"{place}: expected a template that can be filled, found: {error}",
                hint=f"its values are {', '.join(sorted(values)) or 'none'}",
            ) from error

    def _try_all(self) -> None:
        """Fill each template with a test passage, and look for it in the result."""
        passage = Passage("p", "d", "Title", _CANARY, 0, len(_CANARY))
        request = Request((passage,), (Wanted("question", False),))
        double = Request((passage, passage), (Wanted(MULTI_HOP, True),))
        self.system()
        for name, text in (
            ("write", self.write(request, delimiter="m", examples=["an example"], language=None, plain=False)),
            ("write", self.write(double, delimiter="m", examples=[], language="English", plain=False)),
            ("plain", self.write(request, delimiter="m", examples=[], language=None, plain=True)),
            ("judge", self.judge([passage], ["a query"], delimiter="m")),
            ("relabel", self.relabel("a query", [_CANARY], delimiter="m")),
        ):
            if _CANARY not in text:
                raise ConfigError(
                    f"{self._paths[name]}: expected a template that shows the passage, found none in what it gave",
                    hint="{{ passage }} stands for it, in relabel.jinja {{ passages }}",
                )


def copy_templates(folder: Path) -> list[Path]:
    """Copy the packaged templates into a folder, to be edited. Raises ``ConfigError`` if one is there already."""
    targets = [folder / f"{name}.jinja" for name in NAMES]
    if there := [path for path in targets if path.exists()]:
        raise ConfigError(
            f"{there[0]}: expected no file there, found one", hint="choose another folder, or move it away"
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name, path in zip(NAMES, targets, strict=True):
        path.write_bytes((PACKAGED / f"{name}.jinja").read_bytes())
    return targets


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
            hint="embedtune templates FOLDER copies the packaged ones to start from",
        )
    return packaged | own


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError.at(path, None, "a template in UTF-8", str(error)) from error
