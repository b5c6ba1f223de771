"""What the doctor says of the machine."""

from __future__ import annotations

import pytest

from embedtune import doctor, machine
from embedtune.doctor import FAIL, OK, WARN

GIB = 1 << 30


def test_values_of_keys_are_never_shown(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    monkeypatch.setenv("EMBEDTUNE_LLM_KEY", "")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    (row,) = doctor.keys()
    assert row.found == "set: OPENAI_API_KEY; not set: EMBEDTUNE_LLM_KEY, HF_TOKEN; none is needed"


@pytest.mark.parametrize(("available", "status"), [(GIB // 4, FAIL), (2 * GIB, WARN), (8 * GIB, OK)])
def test_memory(monkeypatch, available, status):
    monkeypatch.setattr(machine, "memory", lambda: machine.Memory(available, 16 * GIB, True))
    (row,) = doctor.memory()
    assert (row.status, bool(row.next)) == (status, status != OK)
    assert "a container's limit" in row.found


@pytest.mark.parametrize(("free", "status"), [(GIB // 10, FAIL), (GIB // 2, WARN), (8 * GIB, OK)])
def test_disk(monkeypatch, tmp_path, free, status):
    monkeypatch.setattr(machine, "disk_free", lambda path: free)
    (row,) = doctor.disk(tmp_path / "run")
    assert (row.status, bool(row.next)) == (status, status != OK)
    assert str(tmp_path) in row.found


def test_threads_beyond_the_quota_are_a_warning(monkeypatch):
    monkeypatch.setattr(machine, "core_quota", lambda: 0.5)
    monkeypatch.setattr("torch.get_num_threads", lambda: 8)
    (row,) = doctor.cores()
    assert row.status == WARN
    assert "OMP_NUM_THREADS=1" in row.next
