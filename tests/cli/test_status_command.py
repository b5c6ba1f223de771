from __future__ import annotations

import json


def test_it_says_where_the_run_stands_and_what_comes_next(invoke, small_run):
    run, _ = small_run
    code, out, _ = invoke("status", run)
    assert code == 0
    lines = out.splitlines()
    starts = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert starts == ["documents", "dataset", "model", "eval", "decision", "next:"]
    assert lines[-1] == f"next: embedtune eval {run}"


def test_the_same_as_json_with_passages(invoke, small_run):
    run, _ = small_run
    code, out, _ = invoke("status", run, "--json", "--passages")
    assert code == 0
    found = json.loads(out)
    assert found["documents"] == {"new": [], "changed": [], "gone": [], "renamed": []}
    assert found["stages"][0].items() >= {"stage": "dataset", "state": "whole", "files": []}.items()
    assert (found["passages"]["delete"], found["passages"]["add"]) == ([], [])
    assert found["decision"]["evidence"] == "training"


def test_no_run_is_exit_3(invoke, tmp_path):
    code, _, err = invoke("status", tmp_path)
    assert code == 3
    assert "expected a run folder" in err
