"""A real cluster of two workers on this machine, of which one is killed in the middle, and somebody else who asks for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

import embedtune
from embedtune import machine
from embedtune.config.settings import GenerateConfig
from embedtune.executor import workers
from embedtune.models.encoder import load_encoder
from embedtune.ray_workers import ray_workers
from embedtune.text.hashing import hash_files

ray = pytest.importorskip("ray")


def kill_one(killed: list[int], ended: threading.Event) -> None:
    """Kill the first worker that is seen at work."""
    while not ended.is_set() and not killed:
        for child in psutil.Process().children(recursive=True):
            try:
                if child.cmdline()[:1] == ["ray::_Worker.do"]:
                    os.kill(child.pid, signal.SIGKILL)
                    killed.append(child.pid)
                    break
            except psutil.Error:
                continue
        time.sleep(0.01)


def ask_from_outside(address: str, source: Path, token: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: PLW1510
        [sys.executable, "-m", "embedtune", "generate", str(source), "--out", "elsewhere", "--ray", address],
        capture_output=True,
        text=True,
        cwd=source,
        env={**os.environ, "RAY_AUTH_TOKEN": token, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.mark.slow
def test_a_killed_worker_costs_time_alone_and_a_wrong_token_opens_nothing(
    document_folder, tiny_base, tmp_path, monkeypatch, capfd
):
    monkeypatch.setattr(machine, "cores", lambda: 2)
    settings = GenerateConfig(source=str(document_folder), model=str(tiny_base), window_tokens=48)
    embedtune.generate(settings, tmp_path / "alone")
    encoder = load_encoder(tiny_base, GenerateConfig(source=""), "fp32")
    texts = [f"passage {'word ' * (number % 7)}{number}" for number in range(3000)]
    vectors = encoder.encode_documents(texts)
    capfd.readouterr()
    with ray_workers("local"):
        assert workers().size == 2
        killed, ended = [], threading.Event()
        killer = threading.Thread(target=kill_one, args=(killed, ended))
        killer.start()
        try:
            embedtune.generate(settings, tmp_path / "many")
            assert np.abs(encoder.encode_documents(texts) - vectors).max() < 1e-5
        finally:
            ended.set()
            killer.join()
        assert killed
        address, secret = ray.get_runtime_context().gcs_address, "not-the-token-of-this-cluster-000000"
        refused = ask_from_outside(address, document_folder, secret)
        own = os.environ["RAY_AUTH_TOKEN"]
    assert refused.returncode in (2, 5), refused.stderr
    assert address in refused.stderr
    said = capfd.readouterr()
    for text in (refused.stdout, refused.stderr, said.out, said.err):
        assert secret not in text
        assert own not in text
        assert "dashboard" not in text.lower()
    assert "RAY_AUTH_TOKEN" not in os.environ
    alone, many = (
        hash_files(folder, [each for each in folder.rglob("*") if each.is_file() and each.name != "manifest.json"])
        for folder in (tmp_path / "alone" / "dataset", tmp_path / "many" / "dataset")
    )
    assert alone == many
    assert not [each for each in psutil.Process().children(recursive=True) if "ray" in each.name()]
