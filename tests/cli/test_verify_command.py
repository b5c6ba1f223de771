import json
import shutil

import pytest


@pytest.fixture
def run(small_run, tmp_path):
    return shutil.copytree(small_run[0], tmp_path / "run")


def test_an_unchanged_run_passes(run, invoke):
    code, out, err = invoke("verify", run)
    assert (code, err) == (0, "")
    assert "dataset" in out and "model" in out


def test_a_changed_byte_is_named_with_exit_code_7(run, invoke):
    corpus = run / "dataset" / "corpus.jsonl"
    corpus.write_bytes(corpus.read_bytes().replace(b"tank", b"bank").replace(b"e", b"E", 1))
    code, out, err = invoke("verify", run, "--json")
    assert code == 7
    assert f"found a difference in {corpus}" in err
    assert "corpus.jsonl" in json.dumps(json.loads(out))
