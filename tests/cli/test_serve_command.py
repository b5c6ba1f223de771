"""``embedtune serve``; ``tests/server/test_running.py`` runs it."""


def test_an_address_that_others_reach_needs_a_key(invoke, small_run, monkeypatch):
    monkeypatch.delenv("EMBEDTUNE_SERVE_KEY", raising=False)
    code, stdout, stderr = invoke("serve", small_run[0], "--host", "0.0.0.0")
    assert (code, stdout) == (2, "")
    assert "expected a key for an address that others reach" in stderr and "EMBEDTUNE_SERVE_KEY" in stderr
