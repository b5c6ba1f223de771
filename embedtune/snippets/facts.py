"""What a snippet for an application needs to know about a run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, NamedTuple

from embedtune.errors import IntegrityError
from embedtune.models.inspect import read_dimension, read_prompts
from embedtune.project.records import ModelRecord
from embedtune.project.trained_run import read_trained_run

Shape = Literal["one", "two", "map", "hybrid-vector"]
"""What is saved in ``merged/``: one model for both sides; two towers; the base with a linear map behind the queries; a model
with hybrid vectors, which needs this package to load."""


class Facts(NamedTuple):
    """Facts of a run and of the model that it ships.

    Attributes:
        run: Absolute path of the run folder.
        name: What a server calls the model: lower case letters, digits, ``.``, ``_`` and ``-``.
        method: Of the training; ``base`` where the base was shipped.
        shape: See ``Shape``.
        query_prompt: In front of every query; empty where there is none.
        document_prompt: In front of every document.
        dimension: Length of a vector.
        window_tokens: Tokens of a window, as ``eval`` cut passages.
        trust_remote_code: Whether the base brings code of its own.
        has_adapter: Whether there is ``adapter/``.
        map_file: Weights of the map, for shape ``map``.
    """

    run: Path
    name: str
    method: str
    shape: Shape
    query_prompt: str
    document_prompt: str
    dimension: int
    window_tokens: int
    trust_remote_code: bool
    has_adapter: bool
    map_file: Path | None

    @property
    def merged(self) -> Path:
        """The folder in sentence-transformers form."""
        return self.run / "model" / "merged"


def read_facts(run: Path | str) -> Facts:
    """Read the facts of a run from its files, after checking them against their checksums; no model is loaded.

    Raises:
        DataError: If a stage is missing.
        IntegrityError: If dataset or model were changed since they were written.
    """
    found = read_trained_run(Path(run).absolute())
    settings, shape = found.settings, _shape(found.record)
    given = {"query": settings.query_prompt, "document": settings.document_prompt}
    prompts = read_prompts(found.merged) | {side: text for side, text in given.items() if text is not None}
    return Facts(
        run=found.folder,
        name=re.sub(r"[^a-z0-9._-]+", "-", found.name.lower()).strip("-.") or "tuned",
        method=found.record.method if found.record.is_tuned else "base",
        shape=shape,
        query_prompt=prompts.get("query", ""),
        document_prompt=prompts.get("document", ""),
        dimension=read_dimension(found.merged),
        window_tokens=min(settings.window_tokens, found.dataset.record.window.model_tokens),
        trust_remote_code=settings.trust_remote_code,
        has_adapter=(found.merged.parent / "adapter").is_dir(),
        map_file=_map_file(found.merged) if shape == "map" else None,
    )


def _shape(record: ModelRecord) -> Shape:
    if record.sketch:
        return "hybrid-vector"
    if not record.queries_only:
        return "one"
    return "map" if record.token_vectors == "base" else "two"  # noqa: S105 (no password)


def _map_file(merged: Path) -> Path:
    found = sorted(merged.glob("query_*_Dense/model.safetensors"))
    if len(found) != 1:
        raise IntegrityError(f"{merged}: expected one linear map behind the queries, found {len(found)}")
    return found[0]
