from __future__ import annotations

import re

import pytest
from langchain_core.language_models import FakeListChatModel

from embedtune.serving.retriever import Retriever
from tests.llm_server import Script, ScriptedServer

QUESTION = "clean the spray arm with warm water"


@pytest.fixture(scope="module")
def run(served_run):
    return served_run("query-lora", prompts=True, evaluated=True)


def check_quotes(run, answer):
    """Every sentence stands word for word in the passage that is cited for it."""
    texts = {hit.passage.passage_id: hit.passage.text for hit in Retriever.from_run(run).retrieve(QUESTION, 5)}
    quotes = re.findall(r"^(.+) \[(p-\w+)\]$", answer, re.MULTILINE)
    assert len(quotes) == 2
    for sentence, passage_id in quotes:
        assert sentence in " ".join(texts[passage_id].split())


def test_llama_index_answers_with_sentences_and_cites_them(example, run, capsys):
    response = example("rag_llama_index").main([str(run), QUESTION])
    check_quotes(run, response.response)
    expected = [hit.passage.passage_id for hit in Retriever.from_run(run).retrieve(QUESTION, 5)]
    assert [found.node.node_id for found in response.source_nodes] == expected
    printed = capsys.readouterr().out
    assert all(f"[{name}] d" in printed for name in expected)


def test_llama_index_asks_a_language_model_with_the_passages(example, run, monkeypatch):
    monkeypatch.setenv("EMBEDTUNE_LLM_KEY", "none")
    script = Script(answers={QUESTION: "With warm water."}, refused=0)
    with ScriptedServer(script) as server:
        response = example("rag_llama_index").main([str(run), QUESTION, "--llm", "openai:m", "--base-url", server.url])
        (body,) = server.bodies
    assert response.response == "With warm water."
    prompt = body["messages"][0]["content"]
    assert all(found.node.text in prompt for found in response.source_nodes)


def test_langchain_answers_with_sentences_and_cites_them(example, run, capsys):
    found = example("rag_langchain").main([str(run), QUESTION])
    check_quotes(run, found["answer"])
    assert [document.id for document in found["documents"]] == [
        hit.passage.passage_id for hit in Retriever.from_run(run).retrieve(QUESTION, 5)
    ]
    assert found["answer"] in capsys.readouterr().out


def test_langchain_asks_a_chat_model(example, run):
    chain = example("rag_langchain").build_chain(run, FakeListChatModel(responses=["With warm water."]), k=2)
    found = chain.invoke(QUESTION)
    assert (found["answer"], len(found["documents"])) == ("With warm water.", 2)
