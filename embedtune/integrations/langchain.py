"""LangChain: embeddings and a retriever over a run.

``HuggingFaceEmbeddings`` uses no prompt unless two settings name it; ``EmbedtuneEmbeddings`` uses the run's. A document gets
one vector: what the model cannot see of it is cut off. ``window_documents`` makes a document of each window instead.

Both classes go through ``langchain_core.load``: ``loads(text, allowed_objects=[EmbedtuneRetriever],
valid_namespaces=["embedtune"])``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from embedtune.extras import requires
from embedtune.serving.embedder import Embedder, Which
from embedtune.serving.query_adapter import QueryAdapter
from embedtune.serving.retriever import Retriever, hit_metadata

with requires("embedtune[langchain]"):
    from langchain_core.callbacks import CallbackManagerForRetrieverRun
    from langchain_core.documents import Document
    from langchain_core.embeddings import Embeddings
    from langchain_core.load.serializable import Serializable
    from langchain_core.retrievers import BaseRetriever


class EmbedtuneEmbeddings(Serializable, Embeddings):
    """Embeds queries and documents as ``eval`` did; the model is loaded when it is first used.

    Attributes:
        run: The run folder.
        which: ``auto``, ``base`` or ``tuned``; see ``serving.embedder.Embedder.from_run``.
        precision: ``fp32``, ``bf16`` or ``auto``.
        device: Such as ``cpu``; None takes the best available.
        trust_remote_code: Run the Python code that comes with the model.
    """

    run: str
    which: Which = "auto"
    precision: str = "fp32"
    device: str | None = None
    trust_remote_code: bool = False

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Return True: the attributes are all that is saved."""
        return True

    @cached_property
    def embedder(self) -> Embedder:
        """The run's embedder, loaded when it is first used.

        Raises:
            EmbedtuneError: As ``serving.embedder.Embedder.from_run`` does.
        """
        return Embedder.from_run(
            self.run,
            self.which,
            precision=self.precision,
            device=self.device,
            trust_remote_code=self.trust_remote_code,
        )

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return a unit vector for each text, with the run's document prompt."""
        return self.embedder.encode_documents(texts).tolist()

    def embed_query(self, text: str) -> list[float]:
        """Return the unit vector of a query, with the run's query prompt."""
        return self.embedder.encode_query(text).tolist()


class QueryAdapterEmbeddings(Embeddings):
    """Other embeddings, hosted ones included, with a query adapter; vectors of documents are unchanged."""

    def __init__(self, embeddings: Embeddings, folder: Path | str) -> None:
        """Wrap other embeddings.

        Args:
            embeddings: Those that the query adapter was fitted to.
            folder: ``RUN/query_adapter``, as ``embedtune fit-query-adapter`` writes it.

        Raises:
            EmbedtuneError: As ``serving.query_adapter.QueryAdapter`` does.
        """
        self._embeddings = embeddings
        self._map = QueryAdapter(folder)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the unchanged vectors of documents."""
        return self._embeddings.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        """Return the mapped vector of a query, of unit length."""
        return self._map.apply(self._embeddings.embed_query(text)).tolist()


class EmbedtuneRetriever(BaseRetriever):
    """Retrieves passages of a run by one of its systems, as ``eval`` ranked them; it is opened when it is first used.

    Attributes:
        run: The run folder.
        system: ``auto`` or a system of ``eval``.
        k: Passages returned.
        precision: ``fp32``, ``bf16`` or ``auto``; None takes that of the run's evaluation, or ``auto``.
        device: Such as ``cpu``; None takes the best available.
        trust_remote_code: Run the Python code that comes with the model.
        store: Your vector store, see ``serving.windows.VectorStore``; a retriever with one cannot be serialised.
    """

    run: str
    system: str = "auto"
    k: int = 5
    precision: str | None = None
    device: str | None = None
    trust_remote_code: bool = False
    store: Any = None

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Return True: the attributes are all that is saved."""
        return True

    @cached_property
    def retriever(self) -> Retriever:
        """The run's retriever, opened when it is first used.

        Raises:
            EmbedtuneError: As ``serving.retriever.Retriever.from_run`` does.
        """
        return Retriever.from_run(
            self.run,
            self.system,
            precision=self.precision,
            device=self.device,
            store=self.store,
            trust_remote_code=self.trust_remote_code,
        )

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun | None = None
    ) -> list[Document]:
        return [
            Document(
                id=hit.passage.passage_id,
                page_content=hit.passage.text,
                metadata={**hit_metadata(hit, self.retriever.system), "score": hit.score},
            )
            for hit in self.retriever.retrieve(query, self.k)
        ]


def window_documents(documents: Iterable[Document], embedder: Embedder) -> list[Document]:
    """Split documents into windows, each a document with the metadata of its source and its id as ``passage_id``.

    Each window begins with the ``title`` of the metadata, as in ``eval``. If a store returns several windows of one
    ``passage_id``, the first is the best.

    Args:
        documents: Of any length; one without an id is named by its place, from 0.
        embedder: For example that of an ``EmbedtuneEmbeddings``.
    """
    return [
        Document(id=f"{name}#{number}", page_content=text, metadata={**document.metadata, "passage_id": name})
        for place, document in enumerate(documents)
        for name in [document.id or str(place)]
        for number, text in enumerate(embedder.windows(document.page_content, document.metadata.get("title", "")))
    ]
