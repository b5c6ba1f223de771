"""Metadata of a passage for frameworks: flat, and without empty values, which some stores refuse."""

from __future__ import annotations

from embedtune.serving.retriever import Hit
from embedtune.types import Passage

Metadata = dict[str, str | int | float]


def passage_metadata(passage: Passage) -> Metadata:
    """Return ``passage_id``, ``document_id`` and, if the passage has them, ``title`` and ``page``."""
    metadata: Metadata = {"passage_id": passage.passage_id, "document_id": passage.document_id}
    if passage.title:
        metadata["title"] = passage.title
    if passage.page is not None:
        metadata["page"] = passage.page
    return metadata


def hit_metadata(hit: Hit, system: str) -> Metadata:
    """Return ``passage_metadata`` with ``system``, ``rank`` and, where known, ``dense_rank`` and ``lexical_rank``."""
    metadata = passage_metadata(hit.passage) | {"system": system, "rank": hit.rank}
    if hit.parts.dense is not None:
        metadata["dense_rank"] = hit.parts.dense
    if hit.parts.lexical is not None:
        metadata["lexical_rank"] = hit.parts.lexical
    return metadata
