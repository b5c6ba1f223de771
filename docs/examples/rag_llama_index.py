"""A small RAG application with LlamaIndex: a retriever over a run, and a query engine that answers with sentences of it.

    python docs/examples/rag_llama_index.py RUN "why does my default list argument keep its values"
    python docs/examples/rag_llama_index.py RUN "…" --llm openai:gpt-4o-mini            (key in OPENAI_API_KEY)
    python docs/examples/rag_llama_index.py RUN "…" --llm openai:MODEL --base-url http://localhost:8000/v1

Without a language model, the answer quotes the passages word for word, with their ids.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from llama_index.core.base.response.schema import Response
from llama_index.core.llms import CompletionResponse, CustomLLM, LLMMetadata
from llama_index.core.llms.callbacks import llm_completion_callback
from llama_index.core.query_engine import CustomQueryEngine, RetrieverQueryEngine

from embedtune.config.settings import LlmConfig
from embedtune.integrations.llama_index import EmbedtuneEmbedding, EmbedtuneRetriever
from embedtune.llm.providers import load_provider
from embedtune.llm.store import Message, make_call
from embedtune.serving.excerpts import quote_texts


def build_engine(run, llm=None, k=5):
    """Return a query engine over a run; ``llm`` is any LlamaIndex LLM."""
    retriever = EmbedtuneRetriever(run, similarity_top_k=k)
    if llm is None:
        return QuotingEngine(retriever=retriever, embedding=EmbedtuneEmbedding(run))
    return RetrieverQueryEngine.from_args(retriever, llm=llm)


class QuotingEngine(CustomQueryEngine):
    """Answer with the sentences that are nearest to the question."""

    retriever: EmbedtuneRetriever
    embedding: EmbedtuneEmbedding

    def custom_query(self, query_str: str) -> Response:
        nodes = self.retriever.retrieve(query_str)
        texts = [(found.node.text, found.node.node_id) for found in nodes]
        quotes = quote_texts(self.embedding.embedder, query_str, texts)
        lines = [f"{' '.join(each.text.split())} [{each.passage_id}]" for each in quotes]
        return Response("\n".join(lines) or "Nothing was found.", source_nodes=nodes)


class ProvidedLLM(CustomLLM):
    """A language model, named as in ``embedtune generate --llm``, as a LlamaIndex LLM."""

    name: str
    base_url: str | None = None

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name=self.name, context_window=8192, num_output=512)

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return asyncio.run(self._ask(prompt))

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        return await self._ask(prompt)

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> Any:
        yield self.complete(prompt)

    async def _ask(self, prompt: str) -> CompletionResponse:
        provider = load_provider(LlmConfig(name=self.name, base_url=self.base_url, temperature=0.0))
        call = make_call(provider.model, [Message("user", prompt)], {"temperature": 0.0, "max_tokens": 512}, "answer")
        try:
            return CompletionResponse(text=(await provider.ask(call)).text)
        finally:
            await provider.close()


def main(arguments=None):
    """Answer one question, print the answer with its sources, and return it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("question")
    parser.add_argument("--llm", metavar="PROVIDER:MODEL")
    parser.add_argument("--base-url")
    given = parser.parse_args(arguments)
    llm = ProvidedLLM(name=given.llm, base_url=given.base_url) if given.llm else None
    response = build_engine(given.run, llm).query(given.question)
    print(response.response, end="\n\n")
    for found in response.source_nodes:
        facts = found.node.metadata
        print(f"[{facts['passage_id']}] {facts['document_id']} {facts.get('title', '')}".rstrip())
    return response


if __name__ == "__main__":
    main()
