from __future__ import annotations

import json
import threading
import time

import httpx
import pytest

from embedtune.server.app import Limits
from tests.server.conftest import listening

KEY = {"Authorization": "Bearer secret"}


@pytest.fixture(scope="module")
def ask(address):
    with httpx.Client(base_url=address, headers=KEY, timeout=30) as client:
        yield client


def message(answer):
    return answer.json()["error"]["message"]


def test_search_is_that_of_the_retriever(ask, service):
    answer = ask.post("/search", json={"query": "item 7919", "k": 3}).json()
    hits = service.search([("item 7919", 3)])[0]
    assert answer["system"] == "hybrid_tuned"
    assert [row["passage_id"] for row in answer["results"]] == [hit.passage.passage_id for hit in hits]
    assert [row["score"] for row in answer["results"]] == pytest.approx([hit.score for hit in hits], abs=1e-5)
    assert answer["results"][0]["text"] == hits[0].passage.text


def test_rerank_in_the_form_of_tei(ask):
    asked = {"query": "rinse the tank", "texts": ["a blue door", "rinse the tank"], "return_text": True}
    for path in ("/rerank", "/v1/rerank"):
        rows = ask.post(path, json=asked).json()
        assert [row["index"] for row in rows] == [1, 0] and rows[0]["text"] == "rinse the tank"
        assert rows[0]["score"] > rows[1]["score"]


def test_health_needs_no_key_and_metrics_count(ask, address):
    assert httpx.get(f"{address}/health").json() == {
        "status": "ok", "model": "run", "dimension": 64, "system": "hybrid_tuned",
    }  # fmt: skip
    assert httpx.get(f"{address}/metrics").status_code == 401
    ask.post("/v1/embeddings", json={"model": "run-query", "input": "a"})
    ask.post("/made/up")
    text = ask.get("/metrics").text
    assert 'embedtune_requests_total{path="/v1/embeddings",status="200"}' in text
    assert 'embedtune_requests_total{path="other",status="404"}' in text
    assert 'embedtune_texts_total{lane="query"}' in text and "embedtune_waiting 0.0" in text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"input": []}, "input: expected 1 to 256 texts, found 0"),
        ({"input": ["a"] * 257}, "input: expected 1 to 256 texts, found 257"),
        ({"input": [[1, 2]]}, "check_embedding_ctx_length=False"),
        ({"input": 5}, "expected texts, found token ids"),
        ({"input": "\ud800"}, "expected characters of Unicode"),
        ({}, "input: Field required"),
        ({"input": "a", "input_type": "both"}, "input_type"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
    ],
)
def test_what_cannot_be_embedded_is_told(ask, body, said):
    content = json.dumps({"model": "run-query", **body})
    answer = ask.post("/v1/embeddings", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and said in message(answer)


def test_a_body_that_is_no_json_is_told_and_one_without_documents(ask):
    answer = ask.post("/v1/embeddings", content=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and "JSON" in message(answer)
    assert "expected 1 to 256 texts, found 0" in message(ask.post("/v1/rerank", json={"query": "a"}))


def test_a_body_beyond_the_limit_is_refused_with_and_without_its_length(plain_service):
    with listening(plain_service, limits=Limits(max_bytes=1000)) as address:
        body = json.dumps({"input": "a" * 2000}).encode()
        assert httpx.post(f"{address}/v1/embeddings", content=body).status_code == 413
        parts = (body[start : start + 100] for start in range(0, len(body), 100))
        answer = httpx.post(f"{address}/v1/embeddings", content=parts, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413 and "at most 1000 bytes" in message(answer)


def test_who_comes_when_too_much_waits_is_told_when_to_come_again(plain_service):
    with listening(plain_service, limits=Limits(max_waiting=64, max_batch=2)) as address:
        answers = []

        def send():
            answers.append(httpx.post(f"{address}/v1/embeddings", json={"input": ["some words"] * 60}, timeout=60))

        threads = [threading.Thread(target=send) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused and len(refused) < len(answers)
        assert all(int(answer.headers["Retry-After"]) >= 1 and "try again" in message(answer) for answer in refused)
        assert {answer.status_code for answer in answers} == {200, 429}


def test_a_client_that_leaves_takes_its_texts_along(plain_service):
    with listening(plain_service, limits=Limits(max_batch=1)) as address:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{address}/v1/embeddings", json={"input": ["word " * 40] * 256}, timeout=0.05)
        started = time.monotonic()
        assert httpx.post(f"{address}/v1/embeddings", json={"input": "a"}, timeout=60).status_code == 200
        assert time.monotonic() - started < 30


def test_words_of_queries_are_numbered_as_those_of_exported_passages(ask, served_run):
    from embedtune.export.words import QueryWords

    run = served_run("lora", prompts=True, evaluated=True)
    asked = ["clean the filter of the filter", "nothing known here xyzzy"]
    rows = ask.post("/embed_sparse", json={"inputs": asked}).json()
    assert [{each["index"]: each["value"] for each in row} for row in rows] == QueryWords(run)(asked)
