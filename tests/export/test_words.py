from __future__ import annotations

import json

import pytest
from pymilvus import DataType, MilvusClient
from qdrant_client import QdrantClient
from qdrant_client.models import PointStruct, SparseVector, SparseVectorParams

from embedtune.export.words import QueryWords, as_indices, export_words
from embedtune.formats.beir import read_passages
from embedtune.retrieval.bm25 import BM25

QUERIES = ["how do I clean the filter", "descale the boiler valve", "nothing that is known"]


def test_qdrant_finds_by_words_what_eval_finds(served_run, tmp_path):
    run = served_run("lora")
    folder = export_words(run, tmp_path / "words")
    rows = [json.loads(line) for line in (folder / "passages.jsonl").read_text(encoding="utf-8").splitlines()]
    facts = json.loads((folder / "words.json").read_text(encoding="utf-8"))
    assert facts["fusion_weights"] == {"base": 0.5, "tuned": 0.6}
    assert max(max(row["indices"]) for row in rows) == facts["n_terms"] - 1
    client = QdrantClient(":memory:")
    client.create_collection("words", vectors_config={}, sparse_vectors_config={"words": SparseVectorParams()})
    points = [
        PointStruct(
            id=number,
            payload={"id": row["passage_id"]},
            vector={"words": SparseVector(indices=row["indices"], values=row["values"])},
        )
        for number, row in enumerate(rows)
    ]
    client.upsert("words", points)
    passages = read_passages(run / "dataset")
    scores = BM25([passage.full_text for passage in passages]).scores(QUERIES)
    for query, row in zip(QueryWords(run)(QUERIES), scores, strict=True):
        found = client.query_points("words", query=SparseVector(**as_indices(query)), using="words", limit=10).points
        expected = {passage.passage_id: score for passage, score in zip(passages, row.tolist(), strict=True)}
        best = sorted((score for score in expected.values() if score > 0), reverse=True)[:10]
        assert [point.score for point in found] == pytest.approx(best, abs=1e-4)
        assert all(expected[point.payload["id"]] == pytest.approx(point.score, abs=1e-4) for point in found)


def test_milvus_finds_by_words_what_eval_finds(served_run, tmp_path):
    run = served_run("lora")
    rows = map(json.loads, (export_words(run, tmp_path / "words") / "passages.jsonl").read_text("utf-8").splitlines())
    client = MilvusClient(str(tmp_path / "milvus.db"))
    schema = client.create_schema()
    schema.add_field("id", DataType.VARCHAR, is_primary=True, max_length=1024)
    schema.add_field("words", DataType.SPARSE_FLOAT_VECTOR)
    index = client.prepare_index_params()
    index.add_index("words", index_type="SPARSE_INVERTED_INDEX", metric_type="IP")
    client.create_collection("words", schema=schema, index_params=index)
    sparse = [{"id": row["passage_id"], "words": dict(zip(row["indices"], row["values"], strict=True))} for row in rows]
    client.insert("words", sparse)
    passages = read_passages(run / "dataset")
    scores = BM25([passage.full_text for passage in passages]).scores(QUERIES[:2])
    for query, row in zip(QueryWords(run)(QUERIES[:2]), scores, strict=True):
        (found,) = client.search(
            "words", [dict(query)], anns_field="words", limit=10, search_params={"metric_type": "IP"}
        )
        best = sorted((score for score in row.tolist() if score > 0), reverse=True)[:10]
        assert [hit["distance"] for hit in found] == pytest.approx(best, abs=1e-4)
    client.close()
