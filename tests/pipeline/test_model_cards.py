from __future__ import annotations

import json
import re
import shutil

import pytest
import yaml

from embedtune.config.settings import GenerateConfig
from embedtune.dataset import read_dataset
from embedtune.errors import ConfigError, DataError
from embedtune.pipeline.model_cards import card_of, export_model
from embedtune.project.records import ModelRecord
from embedtune.reports.card import model_card
from embedtune.text.hashing import hash_folder
from tests.small_runs import train_nothing

RECORD = ModelRecord(shipped="tuned", method="lora", quantize="int8", strength=0.5)


def test_a_folder_is_no_name_for_others(tmp_path):
    local = card_of(RECORD, GenerateConfig(source="secret-docs", model=str(tmp_path)), {}, 10)
    assert local.base_model is None
    hub = card_of(
        RECORD, GenerateConfig(source="secret-docs", model="org/model", window_tokens=99), {"query": "q: "}, 10
    )
    assert (hub.base_model, hub.window_tokens, hub.n_passages, hub.results) == ("org/model", 99, 10, ())
    text = model_card(local)
    assert str(tmp_path) not in text and "secret" not in text
    assert re.search(r"^# Embedding model tuned for retrieval$", text, re.MULTILINE)


@pytest.fixture(scope="module")
def run(small_run, tmp_path_factory):
    from embedtune import EvaluateConfig, evaluate

    folder = tmp_path_factory.mktemp("export") / "run"
    shutil.copytree(small_run[0], folder)
    evaluate(EvaluateConfig(), folder)
    return folder


def test_the_copy_is_the_model_with_a_card(run, tmp_path):
    before = hash_folder(run)
    copy = export_model(run, tmp_path / "place" / "mine")
    found, shipped = hash_folder(copy), hash_folder(run / "model" / "merged")
    assert {name: value for name, value in found.items() if name != "README.md"} == {
        name: value for name, value in shipped.items() if name != "README.md"
    }
    text = (copy / "README.md").read_text(encoding="utf-8")
    assert text == (run / "eval" / "model_card.md").read_text(encoding="utf-8")
    assert "| tuned |" in text and yaml.safe_load(text.split("---\n")[1])["pipeline_tag"] == "sentence-similarity"
    assert list((tmp_path / "place").iterdir()) == [copy]
    after = hash_folder(run)
    assert {name: after[name] for name in before} == before


def test_no_five_words_of_the_corpus_stand_on_the_card_and_no_name(run, tmp_path):
    card = (run / "eval" / "model_card.md").read_text(encoding="utf-8")
    dataset = read_dataset(run / "dataset")
    private = [passage.full_text for passage in dataset.passages]
    private += [query.text for split in dataset.splits.values() for query in split.queries]
    assert not _runs_of_five(card) & set().union(*map(_runs_of_five, private))
    names = {passage.document_id for passage in dataset.passages} | {passage.passage_id for passage in dataset.passages}
    assert not [name for name in (*names, str(run), run.name + "/") if name in card]


def _runs_of_five(text):
    words = text.lower().split()
    return {tuple(words[start : start + 5]) for start in range(len(words) - 4)}


def test_what_is_there_is_not_written_over_and_what_is_not_measured_not_exported(run, small_run, tmp_path):
    with pytest.raises(ConfigError, match="expected a folder to be made"):
        export_model(run, tmp_path)
    with pytest.raises(DataError, match="expected the manifest"):
        export_model(small_run[0], tmp_path / "new")
    stale = tmp_path / "stale"
    shutil.copytree(run, stale)
    train_nothing(stale, small_run[1], noise=0.05, seed=1)
    with pytest.raises(DataError, match="that of an earlier one"):
        export_model(stale, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_the_report_is_listed_and_the_same_bytes_again(run, tmp_path):
    from embedtune import EvaluateConfig, evaluate

    manifest = json.loads((run / "eval" / "manifest.json").read_text())
    assert {"report.html", "report.md", "report.json", "model_card.md"} <= manifest["outputs"].keys()
    again = tmp_path / "elsewhere"
    shutil.copytree(run, again)
    assert evaluate(EvaluateConfig(), again).status == "skipped"
    assert evaluate(EvaluateConfig(), again, force=True).status == "done"
    assert json.loads((again / "eval" / "manifest.json").read_text())["outputs"] == manifest["outputs"]
