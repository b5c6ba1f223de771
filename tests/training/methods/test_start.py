"""Training that goes on from another run's adapter, and adapters that are added up."""

import shutil

import numpy as np
import pytest
from safetensors.torch import load_file

import embedtune
from embedtune.config.training import TrainConfig
from embedtune.errors import ConfigError
from embedtune.models.locate import hash_model
from embedtune.pipeline.merge_runs import merge_runs
from embedtune.pipeline.verify import verify_run
from embedtune.training.start import read_start

SHIPPED = {"ship_errors": 0, "learning_rate": 5e-3, "strengths": (1.0,), "query_epochs": 0, "sentence_dropout": 0}


@pytest.fixture(scope="module")
def first(train):
    run, base, record = train(**SHIPPED, epochs=3)
    assert record.is_tuned, record.reason
    return run, base


@pytest.mark.slow
def test_a_second_domain_goes_on_from_the_first_and_keeps_it_where_it_is_better(train, first, worded):
    run, _base = first
    second, _, record = train.again(dataset=worded, **SHIPPED, start=str(run), epochs=1)
    assert record.start == "run"
    assert next(iter(record.dev.by_step)) == "0"
    assert {state.stage: state.state for state in verify_run(second)}["model"] == "whole"
    before = second / "model" / "before" / "model.safetensors"
    assert before.read_bytes() == (run / "model" / "merged" / "model.safetensors").read_bytes()
    same, _, kept = train.again(dataset=worded, **SHIPPED | {"learning_rate": 1e-9}, start=str(run), epochs=1)
    if kept.is_tuned:  # it begins with the very weights
        theirs, mine = (load_file(each / "model" / "adapter" / "adapter_model.safetensors") for each in (run, same))
        assert all(np.allclose(theirs[name], mine[name], atol=1e-5) for name in theirs)
    evaluated = embedtune.evaluate(embedtune.EvaluateConfig(), second).record
    assert "before" in next(iter(evaluated.sets.values())).systems


@pytest.mark.slow
def test_merged_adapters_are_the_weighted_sum(train, first, tmp_path):
    from embedtune.models.encoder import load_model

    run, base = first
    other, _, record = train(**SHIPPED, epochs=3, lora_rank=4, seed=1)
    assert record.is_tuned, record.reason
    folder = merge_runs([run, other], tmp_path / "both", [0.75, 0.5])
    plain, both, one, two = (
        dict(load_model(each)[0].model.named_parameters())
        for each in (base, folder, run / "model" / "merged", other / "model" / "merged")
    )
    for name, start in plain.items():
        expected = start + 0.75 * (one[name] - start) + 0.5 * (two[name] - start)
        assert np.allclose(both[name].detach(), expected.detach(), atol=1e-5), name
    with pytest.raises(ConfigError, match="expected a folder to be made"):
        merge_runs([run, other], tmp_path / "both")
    with pytest.raises(ConfigError, match="expected a weight for each of 2 runs, found 1"):
        merge_runs([run, other], tmp_path / "new", [1])
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    assert merge_runs([run, copy], tmp_path / "same").is_dir()


def test_what_cannot_be_gone_on_from_is_refused(small_run, tmp_path, invoke):
    run, base = small_run
    with pytest.raises(ConfigError, match="expected one of the methods lora, rslora, lora-plus, found full"):
        read_start(run, hash_model(base), TrainConfig(method="full"))
    with pytest.raises(ConfigError, match="expected a run over the same base"):
        read_start(run, "another", TrainConfig())
    copy = tmp_path / "run"
    shutil.copytree(run / "dataset", copy / "dataset")
    code, _, err = invoke("train", copy, "--from", run, "--dry-run")
    assert code == 2 and "expected a run over the same base" in err  # its record names no base
    code, _, err = invoke("train", copy, "--from", copy, "--dry-run")
    assert code == 3 and "expected the manifest of a finished stage" in err
    with pytest.raises(ConfigError, match="expected two runs at least"):
        merge_runs([run], tmp_path / "out")
    code, _, err = invoke("merge", run, copy, "--out", tmp_path / "out", "--weight", 1)
    assert code == 2 and "expected a weight for each of 2 runs" in err
