"""What frameworks are told of a passage beside its text: flat, and without empty values, which some stores refuse.

Packages that an extra brings.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from embedtune.errors import ConfigError
from embedtune.serving.hits import Hit
from embedtune.types import Passage


@contextmanager
def brought_by(extra: str) -> Iterator[None]:
    """Name the extra where an import inside fails.

    Raises:
        ConfigError: With the line that installs it.
    """
    try:
        yield
    except ImportError as error:
        raise ConfigError(
            f"embedtune: expected the packages of the extra {extra}, found: {error}",
            hint=f'pip install "embedtune[{extra}]"',
        ) from error


Facts = dict[str, str | int | float]


def passage_facts(passage: Passage) -> Facts:
    """Return where a passage is from: ``passage_id``, ``document_id`` and, if it has them, ``title`` and ``page``."""
    facts: Facts = {"passage_id": passage.passage_id, "document_id": passage.document_id}
    if passage.title:
        facts["title"] = passage.title
    if passage.page is not None:
        facts["page"] = passage.page
    return facts


def hit_facts(hit: Hit, system: str) -> Facts:
    """Return the same with ``system``, ``rank`` and, where there are such, ``dense_rank`` and ``lexical_rank``."""
    facts = passage_facts(hit.passage) | {"system": system, "rank": hit.rank}
    if hit.parts.dense is not None:
        facts["dense_rank"] = hit.parts.dense
    if hit.parts.lexical is not None:
        facts["lexical_rank"] = hit.parts.lexical
    return facts
