"""Models that write few usable lists, by a scripted server that answers chats with digits and goes on well with a text."""

import logging
from functools import partial

import pytest

from embedtune.dataset import read_dataset
from embedtune.errors import ConfigError
from embedtune.project.manifest import verify
from embedtune.project.records import DatasetRecord
from tests.faults.kill_runs import compare
from tests.llm_runs import generate
from tests.llm_server import Script, ScriptedServer

FEW = {"limit": 40, "kinds": {"question": 2, "keywords": 1, "task": 1}}


@pytest.fixture
def server():
    with ScriptedServer(Script(weak=True)) as server:
        yield server


@pytest.fixture
def make(document_folder, tiny_base, server):
    return partial(generate, document_folder, tiny_base, server.url, **FEW)


def test_a_model_that_writes_no_lists_is_asked_by_examples_and_the_trial_counts(make, server, tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="embedtune")
    record = make(tmp_path / "run").record
    assert record.llm.form == "examples"
    assert "the rest is asked by examples" in caplog.text
    chats = [body for body in server.bodies if "messages" in body]
    assert len(chats) <= 2 * 4 + 9  # four lists, each once more with its fault, and nine single queries
    assert record.llm.calls == len(server.calls)
    assert sum(sum(kinds.values()) for kinds in record.queries.values()) > 40
    dataset = read_dataset(tmp_path / "run" / "dataset")
    assert {query.kind for query in dataset.splits["train"].queries} == {"question", "keywords"}
    assert {query.kind for query in dataset.splits["dev"].queries} == {"task"}
    asked = server.calls.total()
    assert make(tmp_path / "run", max_copied=4).status == "done"
    assert server.calls.total() == asked
    (tmp_path / "copy" / "dataset").mkdir(parents=True)
    answers = (tmp_path / "run" / "dataset" / "llm.sqlite").read_bytes()
    (tmp_path / "copy" / "dataset" / "llm.sqlite").write_bytes(answers)
    make(tmp_path / "copy", max_copied=4)
    assert all("messages" in body for body in server.bodies[asked:])  # of failed calls no answer is left
    assert compare(tmp_path / "run" / "dataset", tmp_path / "copy" / "dataset") == []


def test_examples_of_the_user_are_tried_too_and_can_be_asked_for(make, server, tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("how is the reactor cooled\nsafety valve\n", encoding="utf-8")
    make(tmp_path / "run", examples=str(mine), form="own_examples")
    assert all("prompt" in body for body in server.bodies)
    assert all("Search query: " in body["prompt"] for body in server.bodies)
    with pytest.raises(ConfigError, match="own queries"):
        make(tmp_path / "other", form="own_examples")


def test_a_model_that_follows_rules_is_asked_for_lists_alone(document_folder, tiny_base, tmp_path):
    with ScriptedServer(Script()) as server:
        generate(document_folder, tiny_base, server.url, tmp_path, **FEW)
        assert all("messages" in body for body in server.bodies)
    assert verify(tmp_path / "dataset", DatasetRecord).record.llm.form == "list"
