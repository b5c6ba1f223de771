from __future__ import annotations

import json
import logging

import pytest
import torch

from embedtune.errors import ResourceError
from embedtune.training.checkpoints import Checkpoints


def make(tmp_path, identity="a" * 64, seconds=0.0):
    return Checkpoints(tmp_path / "checkpoints", identity, seconds=seconds)


def test_the_newest_checkpoint_comes_back(tmp_path):
    store = make(tmp_path)
    assert store.latest() is None
    for step in (3, 20, 100):
        store.save(step, {"step": step, "weights": {"a": torch.arange(step)}, "losses": [0.5] * step})
    state = make(tmp_path).latest()
    assert state["step"] == 100
    assert torch.equal(state["weights"]["a"], torch.arange(100))
    assert sorted(path.name for path in store.folder.iterdir()) == [
        "step-00000020.json", "step-00000020.pt", "step-00000100.json", "step-00000100.pt",
    ]  # fmt: skip


@pytest.mark.parametrize("damage", ["cut", "flipped", "no record", "torn record", "empty"])
def test_a_torn_checkpoint_is_passed_over_with_a_warning(tmp_path, damage, caplog):
    store = make(tmp_path)
    for step in (1, 2):
        store.save(step, {"step": step})
    path = store.folder / "step-00000002.pt"
    record = path.with_suffix(".json")
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    elif damage == "flipped":
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    elif damage == "no record":
        record.unlink()
    elif damage == "torn record":
        record.write_text(record.read_text()[:10])
    else:
        path.write_bytes(b"")
    logging.getLogger("embedtune").propagate = True
    assert make(tmp_path).latest() == {"step": 1}
    assert "step-00000002.pt: not a whole checkpoint, passed over" in caplog.text
    assert not path.exists()


def test_checkpoints_of_another_training_go(tmp_path):
    make(tmp_path).save(1, {"step": 1})
    other = make(tmp_path, identity="b" * 64)
    assert other.latest() is None
    assert make(tmp_path).latest() == {"step": 1}  # naming a folder deletes nothing
    other.remove_outdated()
    assert make(tmp_path).latest() is None


def test_a_checkpoint_is_due_after_its_time(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr("embedtune.training.checkpoints.time.monotonic", lambda: now[0])
    store = make(tmp_path, seconds=20)
    assert not store.is_due()
    now[0] += 20
    assert store.is_due()
    store.save(1, {"step": 1})
    assert not store.is_due()


def test_a_disk_that_refuses_is_told_apart_from_a_bug(tmp_path):
    store = make(tmp_path)
    store.folder.parent.write_text("a file where the folder should be")
    with pytest.raises(ResourceError, match=r"expected to write a checkpoint of step 7, found"):
        store.save(7, {"step": 7})


def test_nothing_but_data_is_read_back(tmp_path):
    store = make(tmp_path)
    store.save(1, {"step": 1})
    path = store.folder / "step-00000002.pt"
    torch.save({"step": 2, "evil": make}, path)
    from embedtune.text.hashing import hash_file

    path.with_suffix(".json").write_text(json.dumps({"step": 2, "sha256": hash_file(path)}))
    assert store.latest() == {"step": 1}
