"""Queries from a scripted server over a real socket, from documents to a dataset."""

from __future__ import annotations

import json
import logging
from functools import partial

import pytest

from embedtune.dataset import read_dataset
from embedtune.errors import ConfigError, DataError, ProviderError
from embedtune.project.manifest import read_manifest, verify
from embedtune.project.records import DatasetRecord
from tests.faults.kill_runs import compare
from tests.llm_runs import generate
from tests.llm_server import FAULTS, Script, ScriptedServer


@pytest.fixture
def server():
    with ScriptedServer(Script()) as server:
        yield server


@pytest.fixture
def make(document_folder, tiny_base, server):
    """Return a function that generates into a run folder."""
    return partial(generate, document_folder, tiny_base, server.url)


@pytest.fixture(scope="module")
def calm(document_folder, tiny_base, tmp_path_factory):
    """Return an undisturbed run."""
    run = tmp_path_factory.mktemp("calm") / "run"
    with ScriptedServer(Script()) as server:
        generate(document_folder, tiny_base, server.url, run)
    return run


def test_a_dataset_with_tagged_kinds_and_its_answers(calm):
    dataset = read_dataset(calm / "dataset")
    record = verify(calm / "dataset", DatasetRecord).record
    assert {query.kind for query in dataset.splits["train"].queries} == {"question", "keywords", "claim", "multi_hop"}
    assert {query.kind for query in dataset.splits["dev"].queries} == {"task"}
    assert record.held_out_kind == "task"
    assert record.llm.answered == record.llm.calls > 100
    assert record.llm.written == sum(map(sum, (kinds.values() for kinds in record.queries.values()))) + sum(
        record.dropped_queries.values()
    )
    assert (calm / "dataset" / "llm.sqlite").is_file()
    double = [query for query in dataset.splits["train"].queries if query.kind == "multi_hop"]
    assert all(len(dataset.splits["train"].qrels[query.query_id]) >= 2 for query in double)


def test_neither_concurrency_nor_faults_nor_the_order_of_answers_change_a_byte(
    document_folder, tiny_base, calm, tmp_path
):
    script = Script(
        faults={name: share for name, share in FAULTS.items() if name != "hang"}, latency_s=0.01, wait_s=0.02
    )
    with ScriptedServer(script) as server:
        generate(document_folder, tiny_base, server.url, tmp_path / "wild", concurrency=24)
        assert server.faults.total() > 30
    assert compare(calm / "dataset", tmp_path / "wild" / "dataset") == []
    rejected = read_manifest(tmp_path / "wild" / "dataset", DatasetRecord).circumstances.llm.rejected_answers
    assert {"rate_limit", "server", "wrong_count", "broken"} <= rejected.keys() | {"broken"}


def test_a_second_run_asks_nothing_and_other_settings_only_what_is_new(make, server, tmp_path):
    make_again = partial(make, tmp_path, limit=40)
    make_again()
    first = server.calls.total()
    assert make_again().status == "skipped"
    assert make_again(force=True).status == "done"
    assert server.calls.total() == first
    make_again(max_copied=3)  # another filter, the same questions
    assert server.calls.total() == first
    make_again(temperature=0.2)
    assert server.calls.total() == 2 * first
    make_again()
    assert server.calls.total() == 2 * first


def test_a_copied_dataset_brings_its_answers(make, server, calm, tmp_path):
    (tmp_path / "dataset").mkdir()
    (tmp_path / "dataset" / "llm.sqlite").write_bytes((calm / "dataset" / "llm.sqlite").read_bytes())
    make(tmp_path)
    assert server.calls.total() == 0
    assert compare(calm / "dataset", tmp_path / "dataset") == []


def test_a_dry_run_tells_calls_tokens_price_and_time_and_writes_nothing(make, server, tmp_path):
    prices = {"price_input": 1.0, "price_output": 2.0, "requests_per_minute": 10.0}
    plan = make(tmp_path / "run", limit=40, dry_run=True, **prices).plan.details["llm"]
    assert server.calls.total() == 0
    assert not (tmp_path / "run").exists()
    assert plan["to_ask"] == plan["calls"]
    assert plan["price"] == pytest.approx((plan["prompt_tokens"] + 2 * plan["completion_tokens"]) / 1e6, abs=1e-4)
    assert plan["price_at_most"] > plan["price"]
    assert plan["seconds"] == pytest.approx(6 * plan["calls"], abs=1)
    make(tmp_path / "run", limit=40)
    assert server.calls.total() == plan["calls"]
    before = {path: path.read_bytes() for path in (tmp_path / "run").glob("*") if path.is_file()}
    again = make(tmp_path / "run", limit=40, dry_run=True, max_copied=3).plan.details["llm"]
    assert (again["cached"], again["to_ask"]) == (plan["calls"], 0)
    assert {path: path.read_bytes() for path in (tmp_path / "run").glob("*") if path.is_file()} == before


def test_a_limit_asks_about_some_passages_of_each_split(make, server, tmp_path):
    record = make(tmp_path, limit=20, kinds={"question": 1, "task": 1}).record
    assert 18 <= server.calls.total() <= 24
    assert all(record.queries[split] for split in ("train", "dev", "test"))


def test_refused_prompts_are_counted_and_asked_again_on_request(document_folder, tiny_base, tmp_path):
    with ScriptedServer(Script(refused=10)) as server:
        record = generate(document_folder, tiny_base, server.url, tmp_path).record.llm
        refused = record.failed["refusal"]
        assert refused > 5
        assert record.answered + refused == record.calls
        assert server.faults["refused_for_ever"] == 3 * refused
    with ScriptedServer(Script()) as server:
        assert generate(document_folder, tiny_base, server.url, tmp_path).status == "skipped"
        again = generate(document_folder, tiny_base, server.url, tmp_path, retry_errors=True)
        assert again.status == "done"
        assert server.calls.total() == refused
        assert again.record.llm.failed == {}


def test_a_failed_retry_leaves_the_dataset_as_it_was(document_folder, tiny_base, tmp_path):
    with ScriptedServer(Script(refused=10)) as server:
        generate(document_folder, tiny_base, server.url, tmp_path)
    before = (tmp_path / "dataset" / "manifest.json").read_bytes()
    with ScriptedServer(Script(fatal=(401, "invalid"))) as server, pytest.raises(ProviderError):
        generate(document_folder, tiny_base, server.url, tmp_path, retry_errors=True)
    assert (tmp_path / "dataset" / "manifest.json").read_bytes() == before


def test_a_cost_limit_stops_and_a_higher_one_goes_on(make, server, tmp_path):
    prices = {"price_input": 10.0, "price_output": 10.0}
    with pytest.raises(ProviderError, match="--max-cost"):
        make(tmp_path, max_cost=0.1, **prices)
    asked = server.calls.total()
    assert 0 < asked < 100
    with pytest.raises(ProviderError, match="--max-cost"):
        make(tmp_path, max_cost=0.1, **prices)  # what was spent before counts
    assert server.calls.total() <= asked + 2  # a call that needs less may still fit
    make(tmp_path, max_cost=100, **prices)
    assert server.calls.total() == len(server.calls)
    spent = read_manifest(tmp_path / "dataset", DatasetRecord).circumstances.llm
    assert spent.cost == pytest.approx((spent.prompt_tokens + spent.completion_tokens) / 1e5, abs=1e-5)


def test_a_judge_and_further_answers(make, server, tmp_path):
    record = make(tmp_path, judge=True, relabel="llm").record
    prompts = [body["messages"][-1]["content"] for body in server.bodies]
    assert sum("from 1 to 5" in prompt for prompt in prompts) > 50
    assert sum("Which passages answer" in prompt for prompt in prompts) > 50
    assert record.llm.relabelled > 0
    assert record.dropped_queries["judge"] == 0  # this judge gives 4 and 5 alone
    dataset = read_dataset(tmp_path / "dataset")
    trained = {name for judged in dataset.splits["train"].qrels.values() for name in judged}
    tested = {name for split in ("dev", "test") for judged in dataset.splits[split].qrels.values() for name in judged}
    assert max(map(len, dataset.splits["dev"].qrels.values())) > 1
    side = {query: next(iter(judged)) for query, judged in dataset.splits["dev"].qrels.items()}
    assert not set(side.values()) & trained  # the sources are apart
    assert tested


def test_a_strict_judge_drops_queries(document_folder, tiny_base, tmp_path):
    strict = {"boiler": '{"grades": [1]}', "tent": '{"grades": [3]}'}
    with ScriptedServer(Script(answers=strict, answers_to="from 1 to 5")) as server:
        record = generate(document_folder, tiny_base, server.url, tmp_path, judge=True, per_passage=1).record
    assert 5 <= record.dropped_queries["judge"] <= 15


def test_examples_reach_the_prompts_and_are_compared(make, server, tmp_path):
    make = partial(make, limit=40)
    (tmp_path / "e.txt").write_text("how do I oil a halyard\nbobbin stuck\n", encoding="utf-8")
    record = make(tmp_path / "run", examples=str(tmp_path / "e.txt")).record
    assert "- bobbin stuck" in server.bodies[0]["messages"][-1]["content"]
    assert record.llm.examples.n_examples == 2
    (tmp_path / "moved.txt").write_bytes((tmp_path / "e.txt").read_bytes())
    assert make(tmp_path / "run", examples=str(tmp_path / "moved.txt")).status == "skipped"
    (tmp_path / "moved.txt").write_text("another query\n", encoding="utf-8")
    assert make(tmp_path / "run", examples=str(tmp_path / "moved.txt"), dry_run=True).plan.would_run


def test_what_is_wrong_is_told_before_any_call(make, server, tmp_path):
    with pytest.raises(DataError, match="No such file"):
        make(tmp_path, examples=str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="expected a folder with templates"):
        make(tmp_path, templates=str(tmp_path))
    with pytest.raises(ConfigError, match="expected local or PROVIDER:MODEL"):
        make(tmp_path, name="nothing")
    with pytest.raises(ConfigError, match="MY_KEY: expected a key"):
        make(tmp_path, key_variable="MY_KEY")
    assert server.calls.total() == 0
    assert not (tmp_path / "dataset").exists()


def test_a_model_that_says_nothing_useful_ends_in_a_message(document_folder, tiny_base, tmp_path):
    with (
        ScriptedServer(Script(answers={"PASSAGE": "no idea"})) as server,
        pytest.raises(DataError, match="found none: "),
    ):
        generate(document_folder, tiny_base, server.url, tmp_path, limit=4)


def test_two_dozen_answers_without_a_usable_query_end_the_run_and_are_shown(document_folder, tiny_base, tmp_path):
    with ScriptedServer(Script(answers={"": "no idea"})) as server:
        with pytest.raises(ProviderError) as ended:
            generate(document_folder, tiny_base, server.url, tmp_path)
        assert 24 <= server.calls.total() <= 24 + 9  # those in flight are finished
        assert set(server.calls.values()) <= {1, 2}
    assert ended.value.exit_code == 4
    assert str(ended.value).count('"no idea"') == 3
    assert "a larger model" in ended.value.hint


def test_thoughts_become_no_queries(document_folder, tiny_base, tmp_path):
    with ScriptedServer(Script(thinks=True)) as server:
        generate(document_folder, tiny_base, server.url, tmp_path, limit=40)
    splits = read_dataset(tmp_path / "dataset").splits
    assert splits["train"].queries
    assert not any("draft" in query.text for split in splits.values() for query in split.queries)


def test_keys_are_nowhere(document_folder, tiny_base, tmp_path, monkeypatch, caplog, capfd):
    """Twelve keys, in the environment and in what a careless server sends back, are in no file, log or message."""
    keys = [f"planted-{number:02d}-{'Zx9' * 5}" for number in range(12)]
    names = ["OPENAI_API_KEY", "EMBEDTUNE_LLM_KEY", "HF_TOKEN", "ANTHROPIC_API_KEY", "AZURE_OPENAI_API_KEY", "MISTRAL_API_KEY",
             "AWS_SECRET", "GROQ_API_KEY", "DB_PASSWORD", "TOGETHER_API_KEY", "GITHUB_TOKEN", "MY_CREDENTIALS"]  # fmt: skip
    for name, key in zip(names, keys, strict=True):
        monkeypatch.setenv(name, key)
    monkeypatch.setattr(logging.getLogger("embedtune"), "propagate", True)
    caplog.set_level(logging.DEBUG)
    messages = []
    for number, (script, variable) in enumerate(
        [
            (Script(echo_headers=True), None),
            (Script(echo_headers=True, fatal=(401, f"invalid key; not {keys[3]} either")), "OPENAI_API_KEY"),
            (Script(echo_headers=True, faults={"error_500": 50}), None),
        ]
    ):
        with ScriptedServer(script) as server:
            try:
                generate(
                    document_folder,
                    tiny_base,
                    server.url,
                    tmp_path / str(number),
                    key_variable=variable,
                    limit=6,
                    per_passage=1,
                )
            except (ProviderError, DataError) as error:
                messages += [str(error), str(error.hint)]
    for url in (f"http://{keys[0]}@127.0.0.1:9/v1", f"http://127.0.0.1:9/v1?key={keys[1]}"):
        with pytest.raises(ConfigError) as refused:
            generate(document_folder, tiny_base, url, tmp_path / "url", limit=6)
        messages.append(str(refused.value))
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    captured = capfd.readouterr()
    said = "\n".join(
        [
            *messages,
            captured.out,
            captured.err,
            *(record.getMessage() for record in caplog.records if record.name.startswith("embedtune")),
        ]
    )
    assert len(written) > 4
    assert [key for key in keys if key in said or any(key.encode() in content for content in written)] == []


def test_the_manifest_says_what_was_asked_and_not_where(calm):
    text = (calm / "dataset" / "manifest.json").read_text()
    identity = json.loads(text)["identity"]
    assert identity["llm"]["model"] == "openai:scripted"
    assert "127.0.0.1" not in json.dumps(identity)
    assert not {"concurrency", "base_url", "max_cost", "key_variable"} & identity["config"]["llm"].keys()
