"""How a check asks the printed code: a few lines for each target, run behind it in the same process.

They find ``queries`` and ``windows`` (texts) and ``passages`` (rows with id, title and text), and leave ``query_vectors`` and
``document_vectors``; those of stores also leave ``found``, the ids that a search returned for each query.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_FUNCTIONS = """
query_vectors = embed_queries(queries)
document_vectors = embed_documents(windows)
"""
_STORE = """
add(passages)
query_vectors = embedder.encode_queries(queries)
found = [search(text) for text in queries]
kept = {kept}
document_vectors = [
    kept[f"{{passage['id']}}#{{number}}"]
    for passage in passages
    for number in range(len(embedder.windows(passage["text"], passage["title"])))
]
"""

PROBES: Mapping[str, str] = MappingProxyType(
    {
        "llama-index": """
query_vectors = [embed_model.get_query_embedding(text) for text in queries]
document_vectors = embed_model.get_text_embedding_batch(windows)
""",
        "langchain": """
query_vectors = [embeddings.embed_query(text) for text in queries]
document_vectors = embeddings.embed_documents(windows)
""",
        "haystack": """
from haystack import Document
query_vectors = [query_embedder.run(text)["embedding"] for text in queries]
embedded = document_embedder.run([Document(content=text) for text in windows])["documents"]
document_vectors = [document.embedding for document in embedded]
""",
        "txtai": """
query_vectors = embeddings.batchtransform(queries, category="query")
document_vectors = embeddings.batchtransform(windows, category="data")
""",
        "chroma": _STORE.format(
            kept='(lambda rows: dict(zip(rows["ids"], rows["embeddings"])))(collection.get(include=["embeddings"]))'
        ),
        "lancedb": _STORE.format(kept='{row["window_id"]: row["vector"] for row in table.to_arrow().to_pylist()}'),
        "qdrant": _STORE.format(
            kept='{point.payload["window_id"]: point.vector'
            " for point in client.scroll(COLLECTION, limit=10_000, with_vectors=True)[0]}"
        )
        + "client.close()\n",
        "sentence-transformers": _FUNCTIONS,
        "tei": _FUNCTIONS,
        "vllm": _FUNCTIONS,
        "ollama": _FUNCTIONS,
        "openai": _FUNCTIONS,
    }
)
