from __future__ import annotations

import pickle
import time

import numpy as np
import pytest

from embedtune.errors import ConfigError, DataError
from embedtune.project.manifest import Identity
from embedtune.project.trained_run import read_trained_run
from embedtune.serving.adapters import Adapters, FrozenBase, _demand_same_base
from embedtune.serving.embedder import Embedder
from tests.small_runs import make_dataset, train_nothing

BASE_TEXTS = ["the lamp blinks orange", "stitches skip"]


def test_without_an_adapter_it_is_the_base_to_the_bit(served_run):
    run = served_run("lora")
    base = FrozenBase(read_trained_run(run).settings.model, "none", trust_remote_code=False, device="cpu")
    expected = Embedder.from_run(run, "base").encode_queries(BASE_TEXTS)
    base.switch(None)
    assert np.array_equal(base.encoder("fp32", {}).encode_queries(BASE_TEXTS), expected)
    name = base.add(run / "model" / "adapter")
    base.switch(name)
    assert np.abs(base.encoder("fp32", {}).encode_queries(BASE_TEXTS) - expected).max() > 1e-2
    base.switch(None)
    assert np.array_equal(base.encoder("fp32", {}).encode_queries(BASE_TEXTS), expected)


def test_an_adapter_that_is_loaded_while_none_is_on_works_and_can_be_turned_off(served_run):
    run, other = served_run("lora"), served_run("query-lora")
    base = FrozenBase(read_trained_run(run).settings.model, "none", trust_remote_code=False, device="cpu")

    def encode(adapter):
        base.switch(adapter)
        return base.encoder("fp32", {}).encode_queries(BASE_TEXTS)

    first = base.add(run / "model" / "adapter")
    tuned, plain = encode(first), encode(None)
    second = base.add(other / "model" / "adapter")
    assert np.abs(encode(second) - Embedder.from_run(other).encode_queries(BASE_TEXTS)).max() < 1e-5
    assert np.array_equal(encode(None), plain)
    assert np.array_equal(encode(first), tuned)


TEXTS = ["the lamp blinks orange", "rinse the tank twice", "stitches skip"]
KINDS = [("lora", "none"), ("query-lora", "none"), ("linear", "none"), ("lora", "int8"), ("query-lora", "nf4")]


def both(embedder):
    return embedder.encode_queries(TEXTS), embedder.encode_documents(TEXTS)


@pytest.fixture(scope="module")
def runs(served_run):
    return {
        f"{method}/{scheme}": served_run(method, prompts=number % 2 == 0, quantize=scheme)
        for number, (method, scheme) in enumerate(KINDS)
    }


@pytest.fixture(scope="module")
def adapters(runs):
    return Adapters.from_runs(runs)


@pytest.mark.parametrize("name", [f"{method}/{scheme}" for method, scheme in KINDS])
def test_a_domain_gives_the_vectors_of_its_merged_model(runs, adapters, name):
    merged, domain = Embedder.from_run(runs[name]), adapters[name]
    for mine, theirs in zip(both(domain), both(merged), strict=True):
        assert np.abs(mine - theirs).max() < 1e-5
    assert (domain.query_prompt, domain.document_prompt) == (merged.query_prompt, merged.document_prompt)
    assert domain.windows("word " * 100) == merged.windows("word " * 100)


@pytest.mark.parametrize("name", ["query-lora/none", "query-lora/nf4", "linear/none"])
def test_documents_of_tuned_queries_are_the_base_to_the_bit(runs, adapters, name):
    base = Embedder.from_run(runs[name], "base")
    assert np.array_equal(adapters[name].encode_documents(TEXTS), base.encode_documents(TEXTS))


def test_a_domain_that_is_added_changes_no_bit_of_the_first(runs):
    adapters = Adapters.from_runs({"first": runs["lora/none"]})
    before = both(adapters["first"])
    for name in ("query-lora/none", "lora/int8"):
        adapters.add(name, runs[name])
        both(adapters[name])
        assert all(np.array_equal(old, new) for old, new in zip(before, both(adapters["first"]), strict=True))


def test_one_base_is_in_memory_for_all_that_rounded_it_alike(adapters):
    assert sorted(adapters._bases) == ["int8", "nf4", "none"]


def test_switching_takes_milliseconds(adapters):
    """The bound is generous, for a machine that does other work; docs/integrations/several-domains.md has the figure."""
    base = adapters._bases["none"]
    times = []
    for number in range(40):
        start = time.perf_counter()
        base.switch(f"adapter{number % 2}")
        times.append(time.perf_counter() - start)
    assert sorted(times)[20] < 0.01


def test_a_pickled_copy_gives_the_same_bits(runs):
    adapters = Adapters.from_runs({"a": runs["query-lora/none"], "b": runs["linear/none"]})
    copy = pickle.loads(pickle.dumps(adapters))
    assert list(copy) == ["a", "b"]
    assert np.array_equal(copy["b"].encode_queries(TEXTS), adapters["b"].encode_queries(TEXTS))
    one = pickle.loads(pickle.dumps(adapters["a"]))
    assert np.array_equal(one.encode_queries(TEXTS), adapters["a"].encode_queries(TEXTS))


def test_what_cannot_share_the_base_is_refused(runs, adapters, tmp_path, document_folder):
    with pytest.raises(ConfigError, match="found 'law'"):
        adapters["law"]
    with pytest.raises(ConfigError, match="expected a new name"):
        adapters.add("lora/none", runs["lora/none"])
    base = make_dataset(tmp_path / "run", document_folder, tmp_path / "base")
    train_nothing(tmp_path / "run", base, noise=0.02)
    with pytest.raises(DataError, match="found neither"):
        Adapters.from_runs({"full": tmp_path / "run"})


def test_another_base_is_refused(runs):
    opened = read_trained_run(runs["lora/none"])
    other = opened._replace(model=opened.model.model_copy(update={"identity": Identity(model="another")}))
    with pytest.raises(DataError, match="expected the base model of"):
        _demand_same_base(other, opened)
