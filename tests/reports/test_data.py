import json
from pathlib import Path

from embedtune.config.settings import EvaluateConfig, GenerateConfig
from embedtune.project.manifest import Circumstances, Identity, Manifest
from embedtune.project.records import DatasetRecord, ModelRecord
from embedtune.project.trained_run import TrainedRun, read_trained_run
from embedtune.reports.data import background


def test_it_tells_what_the_manifests_recorded(small_run):
    run = read_trained_run(small_run[0])
    told = background(run, EvaluateConfig(seed=7)).as_json()
    assert told["title"] == run.dataset.record.source.rpartition("/")[2]
    assert told["dataset"]["passages"] == run.dataset.record.passages
    assert told["made"]["generate"]["duration_s"] == run.dataset.circumstances.duration_s
    assert told["base_model"] == small_run[1].name
    assert "command" not in told["made"]["generate"]
    assert told["made"]["eval"] == {}  # its time is another every time; this text is not
    assert told["settings"]["train"]["seed"] == 0 and told["settings"]["eval"]["seed"] == 7
    assert told["llm"] is None
    assert told == background(run, EvaluateConfig(seed=7)).as_json()


def test_cost_comes_from_the_dataset_and_keys_go_nowhere(monkeypatch):
    monkeypatch.setenv("PROVIDER_API_KEY", "lovelace-1815-secret")
    facts = {
        "documents": 1, "skipped": 0, "passages": 2, "queries": {}, "split_by": "document", "source": "/home/ada/handbook",
        "llm": {"model": "m", "calls": 3, "answered": 2, "prompt_tokens": 10, "completion_tokens": 5, "failed": {},
                "screened_passages": 0, "preambles": 0, "written": 4, "relabelled": 0},
        "window": {"tokens": 128, "model_tokens": 254, "share_lost_by_truncation": 0.0, "share_lost": 0.0},
    }  # fmt: skip
    config = {
        "model": "m",
        "llm": {"base_url": "http://x/v1?key=lovelace-1815-secret", "names": ["lovelace-1815-secret"]},
    }
    spent = {"prompt_tokens": 30, "completion_tokens": 15, "cost": 0.02, "rejected_answers": {}}
    dataset = Manifest(
        record=DatasetRecord.from_json(facts), identity=Identity(config=config), circumstances=Circumstances(llm=spent)
    )
    model = Manifest(record=ModelRecord(shipped="base"))
    told = background(TrainedRun(Path("run"), dataset, model, GenerateConfig(source="")), EvaluateConfig()).as_json()
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
    dataset = dataset.model_copy(update={"circumstances": Circumstances()})
    told = background(TrainedRun(Path("run"), dataset, model, GenerateConfig(source="")), EvaluateConfig()).as_json()
    assert (told["llm"]["prompt_tokens"], told["llm"]["cost"]) == (10, None)
