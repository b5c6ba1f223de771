import ast
import sys

import pytest

from embedtune.errors import ConfigError
from embedtune.export.words import export_words
from embedtune.formats.beir import read_passages
from embedtune.retrieval.bm25 import BM25
from embedtune.snippets.rendering import WITH_WORDS, Served, render
from embedtune.snippets.routes import TARGETS


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("method", ["lora", "query-lora", "linear"])
def test_code_imports_what_its_target_names_and_says_how_to_install_it(name, method, facts_of):
    plug = render(facts_of(method, True), name)
    imported = {
        module
        for node in ast.walk(ast.parse(plug.code))
        for module in (
            [each.name for each in node.names] if isinstance(node, ast.Import) else [getattr(node, "module", None)]
        )
        if module and isinstance(node, (ast.Import, ast.ImportFrom))
    }
    packages = {module.partition(".")[0] for module in imported} - set(sys.stdlib_module_names)
    known = {module.partition(".")[0] for module in TARGETS[name].modules}
    assert packages - known <= {"embedtune", "pyarrow", "safetensors"}
    assert f"# {plug.install}" in plug.code.splitlines()
    assert max(map(len, plug.code.splitlines())) < 400
    assert "\n\n\n\n" not in plug.code


@pytest.mark.parametrize("name", TARGETS)
def test_strange_prompts_and_names_stay_strings(name, facts_of, tmp_path):
    strange = 'say "hi"\\ \n; import os #'
    run = tmp_path / 'a "b"; c'
    plug = render(facts_of("lora", True)._replace(query_prompt=strange, document_prompt=strange, run=run), name)
    calls = [node for node in ast.walk(ast.parse(plug.code)) if isinstance(node, ast.Import)]
    assert "import os #" not in {line.strip() for line in plug.code.splitlines()}
    assert all(alias.name != "os" or name in ("vllm", "openai") for node in calls for alias in node.names)


def test_servers_get_commands_and_addresses(facts_of, tmp_path):
    plug = render(
        facts_of("query-lora", True), "vllm", Served(tmp_path / "out", "http://queries:1", "http://documents:2/v1/")
    )
    export, queries, documents = plug.commands
    assert export.startswith("embedtune plug ")
    assert export.endswith(f"--for vllm --model tuned --export {tmp_path / 'out'}")
    assert queries == (
        f"vllm serve {tmp_path / 'out' / 'query'} --runner pooling --dtype float32 --served-model-name run-query --port 8000"
    )
    assert documents.endswith("--served-model-name run-document --port 8001")
    assert 'base_url="http://queries:1/v1"' in plug.code
    assert 'base_url="http://documents:2/v1"' in plug.code


def test_one_address_is_enough_where_there_is_one_model(facts_of):
    plug = render(facts_of("lora", True), "tei", Served(query_url="http://here:1"))
    assert plug.code.count('"http://here:1"') == 2
    assert len(plug.commands) == 2


def test_a_model_with_words_needs_its_code(facts_of):
    facts = facts_of("lora", True)._replace(shape="hybrid-vector", method="hybrid-vector")
    assert "open_model(" in render(facts, "sentence-transformers").code
    assert '"trust_remote_code": True' in render(facts, "txtai").code
    with pytest.raises(ConfigError):
        render(facts, "tei")


@pytest.mark.parametrize("name", WITH_WORDS)
def test_words_beside_vectors_are_found_as_eval_finds_them(name, facts_of, tmp_path, monkeypatch, request):
    if name == "pgvector":
        request.getfixturevalue("postgres")
    monkeypatch.chdir(tmp_path)
    facts = facts_of("lora", True)
    plain, both = render(facts, name).code, render(facts, name, words=True).code
    assert "words" not in plain
    words = export_words(facts.run, tmp_path / "words")
    space = {"__name__": "__main__"}
    exec(compile(both, name, "exec"), space)
    for _ in range(2):  # again, and nothing is there twice
        space["add_words"](words)
    passages = read_passages(facts.run / "dataset")
    queries = ["how do I clean the filter", "descale the boiler valve", "xyzzy"]
    for query, row in zip(queries, BM25([each.full_text for each in passages]).scores(queries), strict=True):
        expected = {each.passage_id: score for each, score in zip(passages, row.tolist(), strict=True)}
        found = space["search_words"](query)
        best = sorted((score for score in expected.values() if score > 0), reverse=True)[:10]
        assert [score for _, score in found] == pytest.approx(best, abs=1e-4)
        assert all(expected[passage] == pytest.approx(score, abs=1e-4) for passage, score in found)


def test_a_store_without_sparse_vectors_has_no_place_for_words(facts_of):
    with pytest.raises(ConfigError, match="--words: expected one of pgvector, milvus, qdrant"):
        render(facts_of("lora", True), "chroma", words=True)
