"""A run is brought up to date with its documents."""

import json
import shutil

import pytest

import embedtune
from embedtune.config.training import TrainConfig
from embedtune.dataset import read_dataset
from embedtune.documents.sandboxes import Sandboxes
from embedtune.errors import ConfigError, DataError
from embedtune.pipeline import update as stage
from embedtune.pipeline.status import read_status
from embedtune.pipeline.update import update
from embedtune.pipeline.verify import verify_run
from tests.small_runs import make_dataset, train_nothing

TRAIN = TrainConfig(
    quantize="none",
    max_pairs=64,
    n_evals=1,
    ship_errors=0,
    learning_rate=5e-3,
    strengths=(1.0,),
    batch_size=8,
    epochs=2,
)


@pytest.fixture
def made(document_folder, tmp_path):
    """A run with a dataset, the folder of its documents, which may be changed, and one with three further documents."""
    docs = shutil.copytree(document_folder, tmp_path / "docs")
    later = tmp_path / "later"
    later.mkdir()
    for path in sorted(docs.iterdir())[-3:]:
        path.rename(later / path.name)
    make_dataset(tmp_path / "run", docs, tmp_path / "base")
    return tmp_path / "run", docs, later


def files(run, name):
    return {path.name: path.read_bytes() for path in sorted((run / name).rglob("*")) if path.is_file()}


@pytest.mark.slow
def test_only_what_changed_is_read_and_training_goes_on_from_the_adapter(made, monkeypatch, invoke, tmp_path):
    run, docs, later = made
    assert embedtune.train(TRAIN, run).record.is_tuned
    before, merged = read_dataset(run / "dataset"), (run / "model" / "merged" / "model.safetensors").read_bytes()
    assert invoke("update", run, "-q")[1] == "documents: unchanged\n"
    names = sorted(path.name for path in later.iterdir())
    shutil.copytree(later, docs, dirs_exist_ok=True)
    gone = sorted(docs.glob("*.md"))[4]
    gone.unlink()
    read, begin = [], Sandboxes.read
    monkeypatch.setattr(Sandboxes, "read", lambda self, path, name: read.append(name) or begin(self, path, name))
    shutil.copytree(run, tmp_path / "broken")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(stage, "train", _interrupted)
        update(tmp_path / "broken")
    code, out, err = invoke("update", run, "-q", "--replay", 0.5)
    assert code == 0, err
    assert out.startswith("documents: 3 new, 1 gone\n")
    assert read == names * 2
    now = read_dataset(run / "dataset")
    assert {each.document_id for each in now.passages} == {path.name for path in docs.glob("*.md")}
    assert (run / "model" / "before" / "model.safetensors").read_bytes() == merged
    rows = [json.loads(line) for line in (run / "model" / "pairs.jsonl").read_text().splitlines()]
    old = {query.query_id for query in before.splits["train"].queries}
    new = [row for row in rows if row["query_id"] not in old]
    assert new and len(rows) - len(new) == round(0.5 * len(new))
    status = read_status(run)
    assert not status.documents and status.next == f"embedtune eval {run}"
    assert {state.state for state in verify_run(run) if state.stage in ("dataset", "model")} == {"whole"}

    done = update(run=tmp_path / "broken", replay=0.5)  # goes on where it stopped
    assert (done.dataset, str(done.changes)) == (None, "unchanged")
    assert files(tmp_path / "broken", "model/merged") == files(run, "model/merged")

    code, out, _ = invoke("eval", run, "-q")
    assert code == 0
    record = json.loads((run / "eval" / "metrics.json").read_text())
    found = {(row["slice"], row["b"]) for row in record["slices"] if row["by"] == "updated"}
    if "tuned" in record["systems"]:
        assert {("new", "base"), ("earlier", "base"), ("new", "before"), ("earlier", "before")} <= found
        assert "queries of new documents" in out and "queries of earlier documents" in out


def _interrupted(*_args, **_options):
    raise KeyboardInterrupt


def test_what_cannot_be_updated_is_refused(made, invoke, tmp_path):
    run, docs, later = made
    code, _, err = invoke("update", run)
    assert code == 3 and "expected the manifest of a finished stage" in err
    train_nothing(run, tmp_path / "base" / "model", noise=0.02)
    shutil.copytree(later, docs, dirs_exist_ok=True)
    before = files(run, "dataset")
    code, out, _ = invoke("update", run, "--dry-run")
    assert (code, out) == (0, f"documents: 3 new\nnext: embedtune update {run}\n")
    assert files(run, "dataset") == before
    shutil.move(docs, tmp_path / "elsewhere")
    with pytest.raises(DataError, match="expected documents to compare with"):
        update(run)


def test_queries_of_labels_cannot_be_drawn_in_parts(served_run):
    with pytest.raises(
        ConfigError, match="expected a run whose queries were drawn by rules from a folder of documents"
    ):
        update(served_run("lora"))
