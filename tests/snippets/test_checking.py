from __future__ import annotations

import re
import sys

import numpy as np
import pytest
from chromadb.api.shared_system_client import SharedSystemClient

from embedtune.errors import ConfigError, IntegrityError, ProviderError
from embedtune.snippets.checking import TOLERANCE, Answer, ask, check, compare
from embedtune.snippets.rendering import Served, probe, render
from embedtune.snippets.routes import TARGETS
from tests.served_runs import PROMPTS

COLUMNS = [("lora", True), ("lora", False), ("query-lora", True), ("linear", True),
           pytest.param("query-lora", False, marks=pytest.mark.slow)]  # fmt: skip


def test_every_target_has_its_probe():
    for target in TARGETS:
        code = probe(target)
        compile(code, target, "exec")
        assert all(f"\n{name} = " in f"\n{code}" for name in ("query_vectors", "document_vectors"))


@pytest.mark.parametrize(("method", "prompts"), COLUMNS)
@pytest.mark.parametrize("target", TARGETS)
def test_printed_code_gives_the_vectors_of_eval(
    target, method, prompts, facts_of, job_of, plug_of, tmp_path, monkeypatch
):
    SharedSystemClient.clear_system_cache()  # Chroma takes a folder of the same name for the same
    monkeypatch.chdir(tmp_path)  # stores write below the folder in which they are run
    facts = facts_of(method, prompts)
    job, expected = job_of(facts)
    checked = compare(job, expected, ask(plug_of(facts, target).code, target, job), target)
    assert checked.n_queries == 48
    assert checked.n_passages == 50
    assert checked.difference <= TOLERANCE


@pytest.mark.parametrize("method", ["hybrid-vector", "passage-residuals"])
@pytest.mark.parametrize("target", [name for name, target in TARGETS.items() if target.kind != "server"])
def test_printed_code_keeps_what_our_modules_add(method, target, facts_of, job_of, plug_of, tmp_path, monkeypatch):
    SharedSystemClient.clear_system_cache()
    monkeypatch.chdir(tmp_path)
    facts = facts_of(method, True)
    job, expected = job_of(facts)
    assert compare(job, expected, ask(plug_of(facts, target).code, target, job), target).difference <= TOLERANCE


@pytest.mark.slow  # in this process: test_printed_code_gives_the_vectors_of_eval; in a fresh one: of a server, below
def test_a_fresh_process_checks_a_database_that_runs(facts_of, plug_of):
    facts = facts_of("lora", True)
    assert check(facts, plug_of(facts, "pgvector")).difference <= TOLERANCE


def test_a_database_that_does_not_run_is_a_sentence(facts_of, plug_of, monkeypatch, tmp_path):
    facts = facts_of("lora", True)
    plug = plug_of(facts, "pgvector")
    monkeypatch.setenv("PGHOST", str(tmp_path))
    with pytest.raises(ProviderError, match=r"pgvector: expected an answer of the server, found: .*PGSQL") as caught:
        check(facts, plug)
    assert "PGHOST" in caught.value.hint


def test_windows_are_asked_for_too(facts_of, job_of):
    job, _ = job_of(facts_of("lora", True))
    assert len(job.windows) > len(job.passages)


DROPPED = {
    "tei": (r', prompt_name="query"', ""),
    "vllm": (re.escape(f'"{PROMPTS["query_prompt"]}" + '), ""),
    "openai": (re.escape(f'"{PROMPTS["query_prompt"]}" + '), ""),
    "ollama": (re.escape(f'"{PROMPTS["query_prompt"]}" + '), ""),
    "sentence-transformers": (r"model\.encode_query", "model.encode"),
}


@pytest.mark.parametrize("target", ["tei", "vllm", "openai", "ollama", "sentence-transformers"])
@pytest.mark.parametrize("method", ["lora", "query-lora"])
def test_code_that_drops_the_prompt_of_queries_is_found_out(target, method, facts_of, job_of, plug_of):
    facts = facts_of(method, True)
    code = plug_of(facts, target).code
    broken = re.sub(*DROPPED[target], code)
    assert broken != code
    job, expected = job_of(facts)
    with pytest.raises(IntegrityError, match="those of queries"):
        compare(job, expected, ask(broken, target, job), target)


def test_code_without_the_map_of_queries_is_found_out(facts_of, job_of, plug_of):
    facts = facts_of("linear", True)
    job, expected = job_of(facts)
    broken = plug_of(facts, "tei").code.replace("vectors @ query_adapter.T", "vectors")
    with pytest.raises(IntegrityError, match="those of queries"):
        compare(job, expected, ask(broken, "tei", job), "tei")


def test_a_store_that_finds_other_passages_is_found_out(facts_of, job_of):
    job, expected = job_of(facts_of("lora", True))
    order = np.argsort(-expected.scores, axis=1)[:, :10]
    ids = [[job.passages[number]["id"] for number in row] for row in order]
    good = Answer(expected.queries, expected.documents, ids)
    assert compare(job, expected, good, "chroma").difference == 0
    for wrong in ([ids[0][::-1]], [ids[0][:9]], [[ids[0][0]] * 10]):
        with pytest.raises(IntegrityError, match="ten passages"):
            compare(job, expected, good._replace(found=wrong + ids[1:]), "chroma")


def test_vectors_of_another_length_are_found_out(facts_of, job_of):
    job, expected = job_of(facts_of("lora", True))
    with pytest.raises(IntegrityError, match=r"\(48, 64\), found \(48, 63\)"):
        compare(job, expected, Answer(expected.queries[:, 1:], expected.documents, None), "txtai")


def test_a_fresh_process_checks_a_server_that_runs(facts_of, plug_of, servers):
    facts = facts_of("query-lora", True)
    checked = check(facts, plug_of(facts, "openai"), url=servers(facts)[0].url)
    assert checked.n_passages == 50


def test_a_server_needs_an_address_and_must_answer(facts_of):
    facts = facts_of("lora", False)
    with pytest.raises(ConfigError, match="nothing was checked") as error:
        check(facts, render(facts, "tei"))
    assert "text-embeddings-router" in error.value.hint
    nobody = "http://127.0.0.1:9"
    with pytest.raises(ProviderError, match="expected an answer of the server"):
        check(facts, render(facts, "tei", Served(query_url=nobody)), url=nobody)


def test_a_missing_package_is_named_with_its_line(facts_of, monkeypatch):
    facts = facts_of("lora", False)
    monkeypatch.setitem(sys.modules, "txtai", None)
    assert TARGETS["txtai"].modules == ("txtai",)
    with pytest.raises(ConfigError) as error:
        check(facts, render(facts, "txtai"))
    assert error.value.hint == "pip install txtai"
