"""``embedtune verify`` as a user types it."""

import json
import shutil


def test_whole_changed_and_as_json(invoke, small_run, tmp_path):
    run = shutil.copytree(small_run[0], tmp_path / "run")
    code, out, _ = invoke("verify", run)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()][:2] == ["dataset", "model"]
    (run / "dataset" / "queries.jsonl").write_text("{}\n")
    code, out, err = invoke("verify", run, "--json")
    assert code == 7
    assert {state["stage"]: state["state"] for state in json.loads(out)["stages"]}["dataset"] == "changed"
    assert "queries.jsonl" in err
