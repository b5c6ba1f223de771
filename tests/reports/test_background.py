import json
from pathlib import Path

from embedtune.config.settings import EvaluateConfig, GenerateConfig
from embedtune.project.trained_run import TrainedRun, read_trained_run
from embedtune.reports.background import background


def test_it_tells_what_the_manifests_recorded(small_run):
    run = read_trained_run(small_run[0])
    told = background(run, EvaluateConfig(seed=7))
    assert told["title"] == run.dataset["facts"]["source"].rpartition("/")[2]
    assert told["dataset"]["passages"] == run.dataset["facts"]["passages"]
    assert told["made"]["generate"]["duration_s"] == run.dataset["circumstances"]["duration_s"]
    assert told["base_model"] == small_run[1].name
    assert "command" not in told["made"]["generate"]
    assert told["made"]["eval"] == {}  # its time is another every time; this text is not
    assert told["settings"]["train"]["seed"] == 0 and told["settings"]["eval"]["seed"] == 7
    assert told["llm"] is None
    assert told == background(run, EvaluateConfig(seed=7))


def test_cost_comes_from_the_dataset_and_keys_go_nowhere(monkeypatch):
    monkeypatch.setenv("PROVIDER_API_KEY", "lovelace-1815-secret")
    facts = {
        "documents": 1, "skipped": 0, "passages": 2, "queries": {}, "split_by": "document", "source": "/home/ada/handbook",
        "llm": {"model": "m", "calls": 3, "answered": 2, "prompt_tokens": 10, "completion_tokens": 5},
    }  # fmt: skip
    config = {
        "model": "m",
        "llm": {"base_url": "http://x/v1?key=lovelace-1815-secret", "names": ["lovelace-1815-secret"]},
    }
    spent = {"prompt_tokens": 30, "completion_tokens": 15, "cost": 0.02, "rejected_answers": {}}
    dataset = {"facts": facts, "identity": {"config": config}, "circumstances": {"llm": spent}}
    model = {"facts": {"shipped": "base"}, "identity": {"config": {}}, "circumstances": {}}
    told = background(TrainedRun(Path("run"), dataset, model, GenerateConfig(source="")), EvaluateConfig())
    assert told["llm"] == {
        "model": "m",
        "calls": 3,
        "answered": 2,
        "prompt_tokens": 30,
        "completion_tokens": 15,
        "cost": 0.02,
    }
    assert told["title"] == "handbook"
    assert "lovelace" not in json.dumps(told) and "/home/ada" not in json.dumps(told)
    del dataset["circumstances"]["llm"]
    told = background(TrainedRun(Path("run"), dataset, model, GenerateConfig(source="")), EvaluateConfig())
    assert (told["llm"]["prompt_tokens"], told["llm"]["cost"]) == (10, None)
