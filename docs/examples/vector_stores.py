"""Index a run's passages with the base model in your vector store, then use tuned queries without a new index.

    python docs/examples/vector_stores.py RUN --store faiss|chroma|qdrant|lancedb

RUN must be tuned on the query side only (``embedtune train RUN --method query-lora`` or ``linear``), so that its passage
vectors are those of the base model. Print how many test queries find their passage among the first five, before and after.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")  # Chroma's; read when it is imported

import numpy as np

from embedtune.dataset import read_dataset
from embedtune.serving.retriever import Retriever
from embedtune.serving.run_index import RunIndex
from embedtune.serving.windows import load_rows


class FaissStore:
    """FAISS: an exact index of inner products, which are cosines for unit vectors."""

    def __init__(self, rows):
        import faiss

        self.passage_ids = [row.passage_id for row in rows]
        self.index = faiss.IndexFlatIP(len(rows[0].vector))
        self.index.add(np.stack([row.vector for row in rows]))

    def search(self, vector, k):
        scores, numbers = self.index.search(vector[None], min(k, self.index.ntotal))
        return [(self.passage_ids[n], float(s)) for n, s in zip(numbers[0], scores[0], strict=True)]


class ChromaStore:
    """Chroma: a collection without an embedding function; it stores vectors and returns distances."""

    def __init__(self, rows, folder):
        import chromadb

        client = chromadb.PersistentClient(str(folder))
        # With the default of 16 neighbors, a search misses a passage now and then.
        index = {"space": "cosine", "max_neighbors": 32, "ef_construction": 200, "ef_search": max(100, len(rows))}
        self.collection = client.create_collection("passages", embedding_function=None, configuration={"hnsw": index})
        for start in range(0, len(rows), 1000):
            block = rows[start : start + 1000]
            self.collection.add(
                ids=[row.window_id for row in block],
                embeddings=[row.vector for row in block],
                documents=[row.text for row in block],
                metadatas=[{"passage_id": row.passage_id} for row in block],
            )

    def search(self, vector, k):
        found = self.collection.query(
            query_embeddings=[vector],
            n_results=min(k, self.collection.count()),
            include=["metadatas", "distances"],
        )
        rows = zip(found["metadatas"][0], found["distances"][0], strict=True)
        return [(metadata["passage_id"], 1 - distance) for metadata, distance in rows]


class QdrantStore:
    """Qdrant in local mode; ``QdrantClient(url=…)`` does the same with a server."""

    def __init__(self, rows, folder):
        from qdrant_client import QdrantClient
        from qdrant_client.models import Distance, PointStruct, VectorParams

        self.client = QdrantClient(path=str(folder))
        size = len(rows[0].vector)
        self.client.create_collection("passages", vectors_config=VectorParams(size=size, distance=Distance.COSINE))
        self.client.upsert(
            "passages",
            [
                PointStruct(id=number, vector=row.vector.tolist(), payload={"passage_id": row.passage_id})
                for number, row in enumerate(rows)
            ],
        )

    def search(self, vector, k):
        found = self.client.query_points("passages", query=vector.tolist(), limit=k)
        return [(point.payload["passage_id"], point.score) for point in found.points]


class LanceStore:
    """LanceDB: a table of vectors; without an index, its search is exact."""

    def __init__(self, rows, folder):
        import lancedb

        self.table = lancedb.connect(str(folder)).create_table(
            "passages",
            [{"window_id": row.window_id, "passage_id": row.passage_id, "vector": row.vector.tolist()} for row in rows],
        )

    def search(self, vector, k):
        found = self.table.search(vector).distance_type("cosine").limit(k).to_list()
        return [(row["passage_id"], 1 - row["_distance"]) for row in found]


STORES = {"faiss": FaissStore, "chroma": ChromaStore, "qdrant": QdrantStore, "lancedb": LanceStore}


def index_once(run, name, folder):
    """Write the base model's vectors of a run's windows to a store."""
    rows = load_rows(run, "base")
    return STORES[name](rows) if name == "faiss" else STORES[name](rows, folder)


def switch_queries(run, store, queries, k=5):
    """Search one index with base queries, then with tuned queries; nothing is indexed again."""
    opened = RunIndex(run, store=store)
    before = Retriever(opened, "base").retrieve_batch(queries, k)
    after = Retriever(opened, "tuned").retrieve_batch(queries, k)
    return before, after


def share_found(dataset, answers):
    """Return the share of test queries with a relevant passage among their results."""
    test = dataset.splits["test"]
    found = [
        any(test.qrels[query.query_id].get(hit.passage.passage_id, 0) > 0 for hit in hits)
        for query, hits in zip(test.queries, answers, strict=True)
    ]
    return sum(found) / len(found)


def main(arguments=None):
    """Run the example, and return both shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--store", choices=STORES, default="faiss")
    given = parser.parse_args(arguments)
    dataset = read_dataset(given.run / "dataset")
    queries = [query.text for query in dataset.splits["test"].queries]
    with tempfile.TemporaryDirectory() as folder:
        store = index_once(given.run, given.store, folder)
        before, after = (share_found(dataset, found) for found in switch_queries(given.run, store, queries))
    print(f"{given.store}: {len(queries)} queries; hit rate@5 base {before:.3f}, tuned {after:.3f}")
    return before, after


if __name__ == "__main__":
    main()
