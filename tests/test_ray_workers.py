from __future__ import annotations

import pytest

from embedtune.errors import ConfigError
from embedtune.executor import workers
from embedtune.ray_workers import check_address, ray_workers


@pytest.mark.parametrize("address", ["locale", "somewhere", "http://host:1", "host:port", "ray://host", ""])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ConfigError, match="--ray: expected local, HOST:PORT or ray://HOST:PORT"):
        check_address(address)


@pytest.mark.parametrize("address", ["local", "head.example:6379", "ray://10.0.0.1:10001", "[::1]:6379"])
def test_addresses_of_all_kinds_are_taken(address):
    check_address(address)


def test_without_an_address_this_process_works():
    with ray_workers(None):
        assert workers() is None


def test_a_cluster_without_its_token_is_refused_before_anything_is_sent(monkeypatch, tmp_path, invoke):
    monkeypatch.setenv("HOME", str(tmp_path))  # where Ray's own file would be
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    (tmp_path / "docs").mkdir()
    code, _, stderr = invoke("generate", tmp_path / "docs", "--out", tmp_path / "run", "--ray", "192.0.2.1:6379")
    assert code == 2
    assert "--ray 192.0.2.1:6379: expected the token of this cluster, found none" in stderr
    assert not (tmp_path / "run").exists()


def test_torchrun_and_ray_do_not_share_one_training(monkeypatch):
    for name, value in {"TORCHELASTIC_RUN_ID": "1", "RANK": "0", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="expected one process, found one of torchrun's"), ray_workers("local"):
        pass
