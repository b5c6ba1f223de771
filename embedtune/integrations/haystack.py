"""Haystack: embedders and a retriever over a run, as components.

The sentence-transformers components use a prompt only if it is given as ``prefix``; these use the run's. A document gets one
vector: what the model cannot see of it is cut off. ``window_documents`` makes a document of each window instead.

A pipeline is read back with ``Pipeline.loads(text, allowed_modules=["embedtune"])``: Haystack imports only what it may.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from embedtune.errors import DataError
from embedtune.extras import requires
from embedtune.formats.beir import read_passages
from embedtune.project.layout import DATASET
from embedtune.serving.embedder import Embedder, Which
from embedtune.serving.retriever import Retriever, hit_metadata, passage_metadata
from embedtune.serving.windows import load_rows
from embedtune.types import Vectors as Vector

with requires("embedtune[haystack]"):
    from haystack import Document, component, default_from_dict, default_to_dict
    from haystack.core.serialization import component_to_dict


class _OverEmbedder:
    """What both embedders share."""

    def __init__(
        self,
        run: Path | str,
        which: Which = "auto",
        precision: str = "fp32",
        device: str | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        """Use a run; nothing is read before ``warm_up`` or the first call.

        Args:
            run: The run folder.
            which: ``auto``, ``base`` or ``tuned``; see ``serving.embedder.Embedder.from_run``.
            precision: ``fp32``, ``bf16`` or ``auto``.
            device: Such as ``cpu``; None takes the best available.
            trust_remote_code: Run the Python code that comes with the model.
        """
        self.run_folder = str(run)
        self.which = which
        self.precision = precision
        self.device = device
        self.trust_remote_code = trust_remote_code

    @cached_property
    def embedder(self) -> Embedder:
        """The run's embedder."""
        return Embedder.from_run(
            self.run_folder,
            self.which,
            precision=self.precision,
            device=self.device,
            trust_remote_code=self.trust_remote_code,
        )

    def warm_up(self) -> None:
        """Load the model.

        Raises:
            EmbedtuneError: As ``serving.embedder.Embedder.from_run`` does.
        """
        _ = self.embedder.encoder

    def to_dict(self) -> dict[str, object]:
        """Return what ``from_dict`` needs."""
        return default_to_dict(
            self,
            run=self.run_folder,
            which=self.which,
            precision=self.precision,
            device=self.device,
            trust_remote_code=self.trust_remote_code,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Any:
        """Build a component from what ``to_dict`` returned."""
        return default_from_dict(cls, data)


@component
class EmbedtuneTextEmbedder(_OverEmbedder):
    """Embeds a query, with the run's query prompt."""

    @component.output_types(embedding=list[float])
    def run(self, text: str) -> dict[str, list[float]]:
        """Return the unit vector of a query as ``embedding``."""
        return {"embedding": self.embedder.encode_query(text).tolist()}

    @component.output_types(embedding=list[float])
    async def run_async(self, text: str) -> dict[str, list[float]]:
        """Run in a thread, without blocking the event loop."""
        return await asyncio.to_thread(self.run, text)


@component
class EmbedtuneDocumentEmbedder(_OverEmbedder):
    """Embeds documents, with the run's document prompt."""

    @component.output_types(documents=list[Document])
    def run(self, documents: list[Document]) -> dict[str, list[Document]]:
        """Return copies of the documents with unit vectors of their content."""
        vectors = self.embedder.encode_documents([document.content or "" for document in documents]).tolist()
        return {
            "documents": [
                replace(document, embedding=vector) for document, vector in zip(documents, vectors, strict=True)
            ]
        }

    @component.output_types(documents=list[Document])
    async def run_async(self, documents: list[Document]) -> dict[str, list[Document]]:
        """Run in a thread, without blocking the event loop."""
        return await asyncio.to_thread(self.run, documents)


@component
class EmbedtuneRetriever:
    """Retrieves passages of a run by one of its systems, as ``eval`` ranked them."""

    def __init__(
        self,
        run: Path | str,
        system: str = "auto",
        top_k: int = 5,
        precision: str | None = None,
        device: str | None = None,
        retriever: Any = None,
        trust_remote_code: bool = False,
    ) -> None:
        """Use a run; nothing is read before ``warm_up`` or the first call.

        Args:
            run: The run folder.
            system: ``auto`` or a system of ``eval``.
            top_k: Passages returned.
            precision: ``fp32``, ``bf16`` or ``auto``; None takes that of the run's evaluation, or ``auto``.
            device: Such as ``cpu``; None takes the best available.
            retriever: An embedding retriever over your document store, whose documents are windows with their
                ``passage_id`` in the metadata (``run_documents``), and whose scores are cosines: a store by
                ``dot_product`` or ``cosine`` with ``scale_score=False``. None keeps the vectors in memory.
            trust_remote_code: Run the Python code that comes with the models.
        """
        self.run_folder = str(run)
        self.system = system
        self.top_k = top_k
        self.precision = precision
        self.device = device
        self.retriever = retriever
        self.trust_remote_code = trust_remote_code

    @cached_property
    def opened(self) -> Retriever:
        """The run's retriever, opened when it is first used."""
        store = None if self.retriever is None else _DocumentStore(self.retriever)
        return Retriever.from_run(
            self.run_folder,
            self.system,
            precision=self.precision,
            device=self.device,
            store=store,
            trust_remote_code=self.trust_remote_code,
        )

    def warm_up(self) -> None:
        """Open the run.

        Raises:
            EmbedtuneError: As ``serving.retriever.Retriever.from_run`` does.
        """
        if hasattr(self.retriever, "warm_up"):
            self.retriever.warm_up()
        _ = self.opened

    @component.output_types(documents=list[Document])
    def run(self, query: str, top_k: int | None = None) -> dict[str, list[Document]]:
        """Return passages as documents, best first; ``top_k`` overrides that of the component."""
        return {
            "documents": [
                Document(
                    id=hit.passage.passage_id,
                    content=hit.passage.text,
                    meta=hit_metadata(hit, self.opened.system),
                    score=hit.score,
                )
                for hit in self.opened.retrieve(query, top_k or self.top_k)
            ]
        }

    @component.output_types(documents=list[Document])
    async def run_async(self, query: str, top_k: int | None = None) -> dict[str, list[Document]]:
        """Run in a thread, without blocking the event loop."""
        return await asyncio.to_thread(self.run, query, top_k)

    def to_dict(self) -> dict[str, object]:
        """Return what ``from_dict`` needs."""
        return default_to_dict(
            self,
            run=self.run_folder,
            system=self.system,
            top_k=self.top_k,
            precision=self.precision,
            device=self.device,
            retriever=None if self.retriever is None else component_to_dict(self.retriever, "retriever"),
            trust_remote_code=self.trust_remote_code,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Any:
        """Build a component from what ``to_dict`` returned."""
        return default_from_dict(cls, data)


class _DocumentStore:
    """A document store behind its embedding retriever, as a ``serving.windows.VectorStore``."""

    def __init__(self, retriever: Any) -> None:
        self._retriever = retriever

    def search(self, vector: Vector, k: int) -> list[tuple[str, float]]:
        documents = self._retriever.run(query_embedding=vector.tolist(), top_k=k)["documents"]
        for document in documents:
            if "passage_id" not in document.meta:
                raise DataError(
                    f"document store: expected documents with a passage_id in their metadata, found {document.id!r} without",
                    hint="write the documents of embedtune.integrations.haystack.run_documents",
                )
        return [(str(document.meta["passage_id"]), document.score) for document in documents]


def run_documents(run: Path | str, which: Which = "auto", *, precision: str | None = None) -> list[Document]:
    """Return the windows of a run's passages as documents that have their vectors; arguments as for ``load_rows``."""
    facts = {passage.passage_id: passage_metadata(passage) for passage in read_passages(Path(run) / DATASET)}
    return [
        Document(id=row.window_id, content=row.text, meta=dict(facts[row.passage_id]), embedding=row.vector.tolist())
        for row in load_rows(run, which, precision=precision)
    ]


def window_documents(documents: Iterable[Document], embedder: Embedder) -> list[Document]:
    """Split documents into windows, each a document with the metadata of its source and its id as ``passage_id``.

    Each window begins with the ``title`` of the metadata, as in ``eval``. If a store returns several windows of one
    ``passage_id``, the first is the best.

    Args:
        documents: Of any length.
        embedder: For example that of an ``EmbedtuneDocumentEmbedder``.
    """
    return [
        Document(id=f"{document.id}#{number}", content=text, meta={**document.meta, "passage_id": document.id})
        for document in documents
        for number, text in enumerate(embedder.windows(document.content or "", document.meta.get("title", "")))
    ]
