import json

import pytest

from embedtune.errors import DataError
from embedtune.snippets.facts import read_facts


@pytest.mark.parametrize(
    ("method", "shape", "has_adapter"), [("lora", "one", True), ("query-lora", "two", True), ("linear", "map", False)]
)
def test_facts_are_those_of_the_run(method, shape, has_adapter, facts_of):
    facts = facts_of(method, True)
    assert (facts.method, facts.shape, facts.has_adapter) == (method, shape, has_adapter)
    assert (facts.query_prompt, facts.document_prompt) == ("query: ", "passage: ")
    assert (facts.dimension, facts.window_tokens) == (64, 48)
    assert facts.run.is_absolute()
    assert (facts.map_file is not None) == (shape == "map")


def test_without_prompts_they_are_empty(facts_of):
    facts = facts_of("lora", False)
    assert (facts.query_prompt, facts.document_prompt) == ("", "")


def test_a_run_that_ships_the_base_is_one_model(tmp_path, small_run):
    import shutil

    from tests.small_runs import train_nothing

    run = shutil.copytree(small_run[0], tmp_path / "My Run!")
    shutil.rmtree(run / "model")
    train_nothing(run, small_run[1], shipped="base")
    facts = read_facts(run)
    assert (facts.method, facts.shape, facts.name) == ("base", "one", "my-run")


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(DataError):
        read_facts(tmp_path)


def test_the_map_is_the_file_behind_the_queries(facts_of):
    facts = facts_of("linear", True)
    router = json.loads((facts.merged / "router_config.json").read_text(encoding="utf-8"))
    assert facts.map_file.parent.name in router["structure"]["query"]
