"""Every code that is printed is run, and gives eval's vectors and its top tens: all targets, with and without prompts."""

import pytest
from chromadb.api.shared_system_client import SharedSystemClient

from embedtune.snippets.checking import TOLERANCE, ask, compare
from embedtune.snippets.probes import PROBES
from embedtune.snippets.targets import TARGETS

COLUMNS = [(method, prompts) for method in ("lora", "query-lora") for prompts in (True, False)] + [("linear", True)]


def test_every_target_has_its_probe():
    assert PROBES.keys() == TARGETS.keys()


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


@pytest.mark.parametrize("target", [name for name, target in TARGETS.items() if target.kind != "server"])
def test_printed_code_keeps_the_words_beside_the_vectors(target, facts_of, job_of, plug_of, tmp_path, monkeypatch):
    SharedSystemClient.clear_system_cache()
    monkeypatch.chdir(tmp_path)
    facts = facts_of("hybrid-vector", True)
    job, expected = job_of(facts)
    assert compare(job, expected, ask(plug_of(facts, target).code, target, job), target).difference <= TOLERANCE


def test_windows_are_asked_for_too(facts_of, job_of):
    job, _ = job_of(facts_of("lora", True))
    assert len(job.windows) > len(job.passages)
