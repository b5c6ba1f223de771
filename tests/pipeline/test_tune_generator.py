"""A writer that is tuned on a source's labels, and a dataset that it writes."""

import json
import sqlite3
from contextlib import closing, suppress

import pytest

import embedtune
from embedtune.errors import DataError, ProviderError
from embedtune.llm.store import snapshot
from embedtune.pipeline.tune_generator import tune_generator
from embedtune.pipeline.verify import verify_run
from embedtune.project.manifest import verify
from embedtune.project.records import DatasetRecord, WriterRecord
from embedtune.synthesis.llm.session import STORE
from embedtune.synthesis.writer.form import LEARNED
from tests.llm_models import make_causal


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    place = tmp_path_factory.mktemp("labels") / "labels.jsonl"
    rows = (
        {
            "query": f"how long does boiler {number} take",
            "text": f"Boiler {number} heats {number} litres of cold water.",
        }
        for number in range(16)
    )
    place.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return place


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_causal(tmp_path_factory.mktemp("causal"))


@pytest.fixture(scope="module")
def run(labels, folder, tmp_path_factory):
    run = tmp_path_factory.mktemp("run")
    result = tune_generator(labels, run, llm=f"hf:{folder}", epochs=1, learning_rate=0.02)
    assert result.status == "done"
    return run


def test_it_is_a_stage_that_is_whole_and_done_once(run, labels, folder):
    settings = {"llm": f"hf:{folder}", "epochs": 1, "learning_rate": 0.02}
    assert (
        verify(run / "writer", WriterRecord).record.train + verify(run / "writer", WriterRecord).record.held_out == 16
    )
    assert tune_generator(labels, run, **settings).status == "skipped"
    planned = tune_generator(labels, run, dry_run=True, **(settings | {"epochs": 2}))
    assert (planned.plan.would_run, planned.plan.details["judged_queries"]) == (True, 16)
    assert {state.stage: state.state for state in verify_run(run)}["writer"] == "whole"


def test_a_source_without_labels_has_nothing_to_learn_from(document_folder, folder, tmp_path):
    with pytest.raises(DataError, match="expected at least 10 judged train or dev queries"):
        tune_generator(document_folder, tmp_path / "run", llm=f"hf:{folder}")
    assert not (tmp_path / "run" / "writer").exists()


def test_a_writer_is_asked_in_its_form_once_for_each_passage_and_number(
    run, folder, document_folder, tiny_base, tmp_path
):
    """A random model writes noise, of which the filters may leave nothing; what was asked is the same."""
    llm = {"name": f"hf:{folder}", "adapter": str(run / "writer"), "per_passage": 2, "limit": 12, "temperature": 1.5}
    config = embedtune.GenerateConfig(
        source=document_folder, model=tiny_base, window_tokens=48, generator="llm", llm=llm
    )  # fmt: skip
    with suppress(ProviderError, DataError):
        embedtune.generate(config, tmp_path / "run")
        record = verify(tmp_path / "run" / "dataset", DatasetRecord).record
        assert {kind for kinds in record.queries.values() for kind in kinds} == {LEARNED}
        assert record.held_out_kind is None
    with snapshot(tmp_path / "run" / STORE) as store:
        histories = store.histories(sorted(store.known()))
    with closing(sqlite3.connect(tmp_path / "run" / STORE)) as file:
        calls = file.execute("SELECT messages, params FROM calls").fetchall()
    assert len(histories) == len(calls) >= 20
    assert all("Write a search query that this text answers" in messages for messages, _ in calls)
    assert len({json.loads(params)["seed"] for _, params in calls}) == len(calls)
    assert len({messages for messages, _ in calls}) == len(calls) / 2
