from __future__ import annotations

import json

import pytest

from embedtune.errors import ConfigError, DataError
from embedtune.snippets.routes import (
    TARGETS,
    Target,
    all_routes,
    demand_packages,
    demand_route,
    find_route,
    find_target,
    install_line,
    read_facts,
)


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


def test_every_package_is_there_where_the_tests_run():
    for target in TARGETS.values():
        demand_packages(target)


def test_an_unknown_name_is_refused_with_those_there_are():
    with pytest.raises(ConfigError, match="llama-index, langchain"):
        find_target("pinecone")


@pytest.mark.parametrize(
    ("install", "line"),
    [("embedtune[langchain]", 'pip install "embedtune[langchain]"'), ("openai numpy", "pip install openai numpy")],
)
def test_the_line_can_be_pasted_into_a_shell(install, line):
    assert install_line(Target("X", "run", (), install)) == line


def test_a_package_whose_parent_is_missing_is_missing():
    with pytest.raises(ConfigError, match=r"not_there\.part"):
        demand_packages(Target("X", "run", ("not_there.part",), "not-there"))


SERVERS = [name for name, target in TARGETS.items() if target.kind == "server"]


@pytest.mark.parametrize("name", SERVERS)
def test_servers_load_towers_one_by_one_and_no_map(name, facts_of):
    one, two, by_map = (find_route(facts_of(method, True), name) for method in ("lora", "query-lora", "linear"))
    assert one.loads == "one exported folder, model"
    assert two.loads == "two exported folders, query and document"
    assert by_map.loads == "one exported folder, model, which is the base"
    assert any("no server loads a Router" in reason for reason in two.reasons)
    assert any("adapter/" in reason for reason in one.reasons)
    assert not any("adapter/" in reason for reason in by_map.reasons)  # it has none


@pytest.mark.parametrize("name", SERVERS)
def test_a_lexical_model_is_refused_by_servers_with_what_is_lost(name, facts_of):
    facts = facts_of("lora", True)._replace(shape="hybrid-vector", method="hybrid-vector")
    with pytest.raises(ConfigError, match="no server has it") as error:
        demand_route(facts, name)
    assert str(facts.merged / "dense") in error.value.hint
    assert "without the BM25 sketch" in error.value.hint
    with pytest.raises(ConfigError, match="found one of --method passage-residuals"):
        demand_route(facts._replace(shape="passage-residuals"), name)


def test_a_lexical_model_is_loaded_by_the_others(facts_of):
    facts = facts_of("lora", True)._replace(shape="hybrid-vector", method="hybrid-vector")
    loaded = {name for name, route in all_routes(facts).items() if route.loads}
    assert loaded == set(TARGETS) - set(SERVERS)
    assert "trust_remote_code" in find_route(facts, "sentence-transformers").reasons[0]


def test_what_a_framework_would_lose_is_said(facts_of):
    lost = [find_route(facts_of(*column), "chroma").reasons[1] for column in (("lora", True), ("lora", False))]
    assert lost[0].endswith("the prompts would be lost")
    assert lost[1].endswith("long texts would be truncated")


@pytest.mark.parametrize(("method", "refused"), [("lora", True), ("linear", False)])
def test_servers_are_refused_where_a_dense_layer_makes_the_dimensions(facts_of, tmp_path, method, refused):
    """The map of queries is a Dense layer too, but the code applies it."""
    import shutil

    facts = facts_of(method, True)
    merged = shutil.copytree(facts.merged, tmp_path / "merged")
    if refused:
        (merged / "2_Dense").mkdir()
    else:
        facts = facts._replace(map_file=merged / facts.map_file.relative_to(facts.merged))
    facts = facts._replace(merged=merged, dimension=128)
    for name in ("tei", "vllm", "ollama", "openai"):
        assert (find_route(facts, name).loads is None) == refused
    if refused:
        with pytest.raises(ConfigError, match="a Dense layer gives the 128 dimensions"):
            demand_route(facts, "tei")
    assert find_route(facts, "sentence-transformers").loads
