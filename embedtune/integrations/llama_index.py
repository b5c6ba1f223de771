"""LlamaIndex: an embedding and a retriever over a run.

``HuggingFaceEmbedding`` on a local folder replaces the saved prompts by empty ones; ``EmbedtuneEmbedding`` uses them. A node
gets one vector: what the model cannot see of it is cut off. ``window_nodes`` makes a node of each window instead.

LlamaIndex embeds a node's metadata in front of its text. ``window_nodes`` and ``run_nodes`` keep theirs out of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from embedtune.extras import requires
from embedtune.formats.beir import read_passages
from embedtune.project.layout import DATASET
from embedtune.serving.embedder import Embedder, Which
from embedtune.serving.query_adapter import QueryAdapter
from embedtune.serving.retriever import Metadata, Retriever, hit_metadata, passage_metadata
from embedtune.serving.windows import load_rows

with requires("embedtune[llama-index]"):
    from llama_index.core.base.base_retriever import BaseRetriever
    from llama_index.core.base.embeddings.base import BaseEmbedding
    from llama_index.core.bridge.pydantic import Field, PrivateAttr
    from llama_index.core.schema import BaseNode, NodeWithScore, QueryBundle, TextNode

_SHOWN = ("title",)  # what a language model sees of a passage's facts


class EmbedtuneEmbedding(BaseEmbedding):
    """Embeds queries and texts as ``eval`` did. It can be pickled, and goes through ``to_dict`` and ``from_dict``.

    Attributes:
        run: The run folder.
        which: ``auto``, ``base`` or ``tuned``; see ``serving.embedder.Embedder.from_run``.
        precision: ``fp32``, ``bf16`` or ``auto``.
        device: Such as ``cpu``; None takes the best available.
        trust_remote_code: Run the Python code that comes with the model.
    """

    run: str = Field(description="The run folder.")
    which: Which = Field(default="auto", description="auto, base or tuned.")
    precision: str = Field(default="fp32", description="fp32, bf16 or auto.")
    device: str | None = Field(default=None, description="Such as cpu; none takes the best available.")
    trust_remote_code: bool = Field(default=False, description="Run the Python code that comes with the model.")
    _embedder: Embedder = PrivateAttr()

    def __init__(self, run: Path | str, which: Which = "auto", **options: Any) -> None:
        """Open a run; ``options`` are the attributes above and those of any LlamaIndex embedding.

        Raises:
            EmbedtuneError: As ``serving.embedder.Embedder.from_run`` does.
        """
        options = {"model_name": f"embedtune:{Path(run).name}", "embed_batch_size": 64, **options}
        super().__init__(run=str(run), which=which, **options)
        self._embedder = Embedder.from_run(
            self.run,
            self.which,
            precision=self.precision,
            device=self.device,
            trust_remote_code=self.trust_remote_code,
        )

    @classmethod
    def class_name(cls) -> str:
        """Name under which LlamaIndex serialises it."""
        return "EmbedtuneEmbedding"

    @property
    def embedder(self) -> Embedder:
        """The run's embedder."""
        return self._embedder

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._embedder.encode_query(query).tolist()

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._embedder.encode_document(text).tolist()

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._embedder.encode_documents(texts).tolist()

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_query_embedding, query)

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return await asyncio.to_thread(self._get_text_embedding, text)

    async def _aget_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return await asyncio.to_thread(self._get_text_embeddings, texts)


class QueryAdapterEmbedding(BaseEmbedding):
    """Another embedding, hosted ones included, with a query adapter; texts, and every index of them, are unchanged.

    Attributes:
        folder: ``RUN/query_adapter``, as ``embedtune fit-query-adapter`` writes it.
    """

    folder: str = Field(description="RUN/query_adapter, as embedtune fit-query-adapter writes it.")
    _embedding: BaseEmbedding = PrivateAttr()
    _map: QueryAdapter = PrivateAttr()

    def __init__(self, embedding: BaseEmbedding, folder: Path | str) -> None:
        """Wrap another embedding.

        Args:
            embedding: That which the query adapter was fitted to.
            folder: ``RUN/query_adapter``, as ``embedtune fit-query-adapter`` writes it.

        Raises:
            EmbedtuneError: As ``serving.query_adapter.QueryAdapter`` does.
        """
        super().__init__(
            folder=str(folder), model_name=embedding.model_name, embed_batch_size=embedding.embed_batch_size
        )
        self._embedding = embedding
        self._map = QueryAdapter(folder)

    @classmethod
    def class_name(cls) -> str:
        """Name under which LlamaIndex knows it."""
        return "QueryAdapterEmbedding"

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._map.apply(self._embedding.get_query_embedding(query)).tolist()

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._embedding.get_text_embedding(text)

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._embedding.get_text_embedding_batch(texts)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._map.apply(await self._embedding.aget_query_embedding(query)).tolist()

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return await self._embedding.aget_text_embedding(text)


class EmbedtuneRetriever(BaseRetriever):
    """Retrieves passages of a run by one of its systems, as ``eval`` ranked them.

    Attributes:
        retriever: The retriever behind this one.
        similarity_top_k: Passages returned.
    """

    def __init__(
        self, run: Path | str | Retriever, system: str = "auto", similarity_top_k: int = 5, **options: Any
    ) -> None:
        """Open a run, or take a retriever that is open.

        Args:
            run: The run folder, or a retriever, for example over a vector store of yours.
            system: As for ``serving.retriever.Retriever``; a retriever has its own.
            similarity_top_k: Passages returned.
            options: ``precision``, ``device``, ``store``, ``depth``, ``token_memory`` and
                ``trust_remote_code`` of ``serving.run_index.RunIndex``.

        Raises:
            EmbedtuneError: As ``Retriever.from_run`` does.
        """
        super().__init__()
        self.retriever = run if isinstance(run, Retriever) else Retriever.from_run(run, system, **options)
        self.similarity_top_k = similarity_top_k

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        hits = self.retriever.retrieve(query_bundle.query_str, self.similarity_top_k)
        return [
            NodeWithScore(
                node=_node(hit.passage.passage_id, hit.passage.text, hit_metadata(hit, self.retriever.system)),
                score=hit.score,
            )
            for hit in hits
        ]

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return await asyncio.to_thread(self._retrieve, query_bundle)


def window_nodes(nodes: Sequence[BaseNode], embedder: Embedder) -> list[TextNode]:
    """Split nodes into windows, each a node with the metadata of its source and its id as ``passage_id``.

    Each window begins with the ``title`` of the metadata, as in ``eval``. If a store returns several windows of one
    ``passage_id``, the first is the best.

    Args:
        nodes: Of any length.
        embedder: For example that of an ``EmbedtuneEmbedding``.
    """
    return [
        _node(f"{node.node_id}#{number}", text, {**node.metadata, "passage_id": node.node_id})
        for node in nodes
        for number, text in enumerate(embedder.windows(node.get_content(), node.metadata.get("title", "")))
    ]


def run_nodes(run: Path | str, which: Which = "auto", *, precision: str | None = None) -> list[TextNode]:
    """Return the windows of a run's passages as nodes that have their vectors already; arguments as for ``load_rows``."""
    facts = {passage.passage_id: passage_metadata(passage) for passage in read_passages(Path(run) / DATASET)}
    return [
        _node(row.window_id, row.text, facts[row.passage_id], row.vector.tolist())
        for row in load_rows(run, which, precision=precision)
    ]


def _node(node_id: str, text: str, metadata: Metadata, embedding: list[float] | None = None) -> TextNode:
    """Build a node whose vector is that of its text alone."""
    return TextNode(
        id_=node_id,
        text=text,
        embedding=embedding,
        metadata=metadata,
        excluded_embed_metadata_keys=list(metadata),
        excluded_llm_metadata_keys=[name for name in metadata if name not in _SHOWN],
    )
