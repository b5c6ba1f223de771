"""What a process may use, with control groups made of plain files."""

from __future__ import annotations

import subprocess
import sys

import pytest

from embedtune import machine


def group(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def test_limits_count_the_cache_as_free(tmp_path):
    stat = "anon 100\ninactive_file 300\nactive_file 7\n"
    group(tmp_path / "fs" / "job", memory__max="1000\n", memory__current="600\n", memory__stat=stat)
    group(tmp_path / "fs" / "job" / "step", memory__max="max\n", memory__current="600\n")
    (tmp_path / "own").write_text("0::/job/step\n")
    assert list(machine.group_limits(tmp_path / "fs", tmp_path / "own")) == [(1000, 700)]


def test_inside_a_container_the_group_is_at_the_root(tmp_path):
    group(tmp_path / "fs", memory__max="4096", memory__current="96")
    (tmp_path / "own").write_text("0::/kube/pod/that/is/not/visible\n")
    assert list(machine.group_limits(tmp_path / "fs", tmp_path / "own")) == [(4096, 4000)]


@pytest.mark.parametrize("own", ["", "nonsense", "0::/\n"])
def test_without_groups_there_is_no_limit(tmp_path, own):
    (tmp_path / "own").write_text(own)
    assert list(machine.group_limits(tmp_path / "none", tmp_path / "own")) == []


def test_the_smaller_of_machine_and_group_counts(tmp_path, monkeypatch):
    group(tmp_path / "fs", memory__max="5000000", memory__current="1000000")
    (tmp_path / "own").write_text("0::/\n")
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path / "fs")
    monkeypatch.setattr(machine, "_OWN_GROUPS", tmp_path / "own")
    assert machine.memory() == machine.Memory(4_000_000, 5_000_000, True)


def test_core_quota_is_time_over_period(tmp_path, monkeypatch):
    group(tmp_path / "fs", cpu__max="150000 100000\n")
    (tmp_path / "own").write_text("0::/\n")
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path / "fs")
    monkeypatch.setattr(machine, "_OWN_GROUPS", tmp_path / "own")
    assert machine.core_quota() == 1.5
    group(tmp_path / "fs", cpu__max="max 100000\n")
    assert machine.core_quota() is None


def test_real_machine_has_memory_disk_and_cores(tmp_path):
    found = machine.memory()
    assert 0 < found.available <= found.total
    assert machine.disk_free(tmp_path / "not" / "there") > 0
    assert machine.cores() >= 1
    assert set(machine.instruction_sets()) <= set(machine.INSTRUCTION_SETS)


def test_nearest_folder_is_the_innermost_that_exists(tmp_path):
    (tmp_path / "file").touch()
    assert machine.nearest_folder(tmp_path / "a" / "b") == tmp_path
    assert machine.nearest_folder(tmp_path / "file" / "b") == tmp_path
    assert machine.nearest_folder(tmp_path) == tmp_path


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 bytes"), (2048, "2 KiB"), (5 << 20, "5 MiB"), (3 << 30, "3.0 GiB"), (3 << 40, "3072.0 GiB")],
)
def test_sizes_in_words(size, words):
    assert machine.in_words(size) == words


def test_within_reused_memory_a_block_costs_no_new_pages():
    """Runs in a process of its own, as the allocator's state is the whole process's."""
    code = """
import resource, numpy as np
from embedtune.machine import glibc, reused_memory
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones(2 << 20, dtype=np.uint8)  # too small for huge pages
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
with reused_memory():
    faults()
    within = faults()
after = faults()
print(bool(glibc()), within, after)
"""
    is_glibc, within, after = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    if is_glibc == "True":
        assert int(within) < 100
        assert int(after) > 1000


@pytest.mark.parametrize(("wanted", "found"), [("1", 1), ("many", machine.cores()), ("100000", machine.cores())])
def test_threads_are_those_that_were_asked_for_and_no_more_than_the_cores(wanted, found, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    assert machine.threads() == found
