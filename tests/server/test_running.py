from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import httpx
import pytest

from embedtune.errors import ConfigError
from embedtune.server.running import KEY, serve


def test_others_reach_it_only_with_a_key(served_run, monkeypatch):
    monkeypatch.delenv(KEY, raising=False)
    for host in ("0.0.0.0", "example.org", "::"):
        with pytest.raises(ConfigError, match="expected a key for an address that others reach"):
            serve(served_run("lora"), host=host, announce=print)


def test_a_taken_port_is_told_before_the_model_is_loaded(plain_address, tmp_path):
    port = int(plain_address.rpartition(":")[2])
    with pytest.raises(ConfigError, match=r"expected an address to listen at, found 127\.0\.0\.1:"):
        serve(tmp_path / "no run", port=port, announce=print)


def test_a_server_that_is_asked_to_stop_answers_what_it_has_begun(served_run):
    command = [sys.executable, "-m", "embedtune", "serve", str(served_run("lora")), "--port", "0", "-q"]
    environment = {**os.environ, KEY: "secret"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        address = process.stdout.readline().split()[0]
        answers = []

        def send():
            body = {"input": ["some words to encode"] * 200}
            answers.append(
                httpx.post(
                    f"{address}/v1/embeddings", json=body, headers={"Authorization": "Bearer secret"}, timeout=60
                )
            )

        httpx.get(f"{address}/health", timeout=60).raise_for_status()
        sender = threading.Thread(target=send)
        sender.start()
        time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        sender.join()
        assert process.wait(30) == 0
    assert answers[0].status_code == 200 and len(answers[0].json()["data"]) == 200
