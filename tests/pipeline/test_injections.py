"""200 documents that give orders, and a model that always obeys them."""

from __future__ import annotations

import pytest

from embedtune.dataset import read_dataset
from tests.injections import documents, write
from tests.llm_runs import generate
from tests.llm_server import Script, ScriptedServer


@pytest.mark.parametrize("screen", [True, False])
def test_at_most_one_answer_in_a_hundred_is_accepted(passages, tiny_base, tmp_path, screen):
    write(tmp_path / "documents", [passage.text for passage in passages])
    answers = {document.word: document.answer for document in documents()}
    with ScriptedServer(Script(answers=answers)) as server:
        record = generate(
            tmp_path / "documents", tiny_base, server.url, tmp_path / "run", screen=screen,
            kinds={"question": 1, "task": 1}, per_passage=2,
        ).record  # fmt: skip
        prompts = [body["prompt"] if "prompt" in body else body["messages"][-1]["content"] for body in server.bodies]
        asked = sum(any(word in prompt for word in answers) for prompt in prompts)
    dataset = read_dataset(tmp_path / "run" / "dataset")
    names = {passage.passage_id: passage.document_id for passage in dataset.passages}
    sources = [names[next(iter(judged))] for labelled in dataset.splits.values() for judged in labelled.qrels.values()]
    accepted = {name for name in sources if name.startswith("injected")}
    assert len(sources) - len(accepted) > 150
    assert len(accepted) <= 2
    if screen:
        assert (asked, record.llm.screened_passages) == (0, 200)
    else:
        assert asked >= 200  # some by several forms; what the filters of the answers do alone
