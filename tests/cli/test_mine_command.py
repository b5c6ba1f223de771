"""``embedtune mine``."""

import json
import shutil


def test_it_says_what_was_found_and_where(invoke, small_run, tmp_path):
    from datasets import load_dataset

    run = shutil.copytree(small_run[0], tmp_path / "run")
    code, out, _ = invoke("mine", run, "--num-negatives", 4, "--sampling", "top", "-q")
    lines = out.splitlines()
    assert code == 0
    assert "4 hard negatives each; 0 of the negatives were judged not relevant" in lines[0]
    assert lines[1].startswith("mean cosine by the base model: answers ")
    assert lines[-1] == str(run / "hard_negatives" / "train.jsonl")
    rows = load_dataset("json", data_files=lines[-1], split="train", cache_dir=str(tmp_path / "cache"))
    assert rows.column_names == ["anchor", "positive", *(f"negative_{n}" for n in range(1, 5))]
    code, out, _ = invoke("mine", run, "--num-negatives", 4, "--sampling", "top", "-q", "--json")
    facts = json.loads(out)
    assert (code, facts["stage"], facts["rows"]) == (0, "mine", len(rows))


def test_what_cannot_be_used_is_told(invoke, small_run, tmp_path):
    run = shutil.copytree(small_run[0], tmp_path / "run")
    code, _, err = invoke("mine", run, "--relative-margin", 0.95, "-q")
    assert (code, "relative_margin: expected less than or equal to 0.5, found 0.95" in err) == (2, True)
    code, _, err = invoke("mine", run, "--guide", tmp_path / "none", "-q")
    assert (code, "guide: expected a cross-encoder" in err) == (2, True)
    code, _, err = invoke("mine", tmp_path, "-q")
    assert (code, "run the stage that makes 'dataset' first" in err) == (3, True)
