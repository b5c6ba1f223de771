from __future__ import annotations

import json

import pytest

from embedtune.snippets.checking import ask, compare, make_job
from embedtune.snippets.routes import read_facts
from tests.embedding_server import EmbeddingServer


@pytest.fixture(scope="module")
def run(served_run):
    return served_run("query-lora", prompts=True)


def test_the_code_alone_is_on_stdout(invoke, run):
    code, out, _ = invoke("plug", run, "--model", "tuned", "--for", "sentence-transformers", "-q")
    assert code == 0
    compile(out, "plug", "exec")
    assert str(run / "model" / "merged") in out


def test_code_for_the_base_of_a_run_names_the_prompts_that_its_folder_has_not(invoke, run):
    code, out, err = invoke("plug", run, "--model", "base", "--for", "sentence-transformers", "-q")
    assert code == 0
    assert """prompts={"query": "query: ", "document": "passage: "}""" in out
    job, expected = make_job(read_facts(run, "base"))
    assert compare(job, expected, ask(out, "sentence-transformers", job), "sentence-transformers").difference <= 1e-5
    assert "the code loads base; decided: " in err


def test_a_check_says_what_it_compared(invoke, run):
    code, out, err = invoke("plug", run, "--model", "tuned", "--for", "sentence-transformers", "--check", "-q")
    assert code == 0
    compile(out, "plug", "exec")
    assert err.splitlines()[-1].startswith("checked: 48 queries and 50 passages have the same vectors as in eval")


def test_without_a_target_it_says_what_each_can_load(invoke, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = invoke("plug", run, "--model", "tuned", "-q")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    code, out, _ = invoke("plug", run, "--model", "tuned", "--json", "-q")
    found = json.loads(out)
    assert found["targets"]["tei"]["loads"] == "two exported folders, query and document"
    assert found["facts"]["shape"] == "two"


def test_folders_are_exported_and_a_server_of_them_passes_the_check(invoke, run, tmp_path):
    folder = tmp_path / "served"
    code, _, _ = invoke("plug", run, "--model", "tuned", "--for", "ollama", "--export", folder, "-q")
    assert code == 0
    with EmbeddingServer({"run-query": folder / "query", "run-document": folder / "document"}) as server:
        code, out, _ = invoke(
            "plug", run, "--model", "tuned", "--for", "ollama", "--check", "--url", server.url, "--json", "-q"
        )
    found = json.loads(out)
    assert code == 0
    assert found["check"]["difference"] <= 1e-5
    assert {kind for kind, _ in server.requests} == {"ollama"}


def test_a_server_of_another_model_is_an_integrity_error(invoke, run, tmp_path):
    folder = tmp_path / "served"
    invoke("plug", run, "--model", "tuned", "--for", "openai", "--export", folder, "-q")
    with EmbeddingServer({"run-query": folder / "document", "run-document": folder / "document"}) as server:
        code, out, err = invoke(
            "plug", run, "--model", "tuned", "--for", "openai", "--check", "--url", server.url, "-q"
        )
    assert (code, out) == (7, "")
    assert "those of queries" in err


def test_a_server_cannot_be_checked_without_its_address(invoke, run):
    code, _, err = invoke("plug", run, "--model", "tuned", "--for", "tei", "--check", "-q")
    assert code == 2
    assert "nothing was checked" in err
    assert "Hint: start it first" in err


def test_a_check_needs_a_target(invoke, run):
    code, _, err = invoke("plug", run, "--model", "tuned", "--check", "-q")
    assert code == 2
    assert "need --for" in err
