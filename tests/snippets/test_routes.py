import pytest

from embedtune.errors import ConfigError
from embedtune.snippets.routes import all_routes, demand_route, find_route
from embedtune.snippets.targets import TARGETS

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


def test_a_lexical_model_is_loaded_by_the_others(facts_of):
    facts = facts_of("lora", True)._replace(shape="hybrid-vector", method="hybrid-vector")
    loaded = {name for name, route in all_routes(facts).items() if route.loads}
    assert loaded == set(TARGETS) - set(SERVERS)
    assert "trust_remote_code" in find_route(facts, "sentence-transformers").reasons[0]


def test_what_a_framework_would_lose_is_said(facts_of):
    lost = [find_route(facts_of(*column), "chroma").reasons[1] for column in (("lora", True), ("lora", False))]
    assert lost[0].endswith("the prompts would be lost")
    assert lost[1].endswith("long texts would be truncated")
