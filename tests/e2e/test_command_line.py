"""The commands as a user types them: exit codes, stdout and stderr."""

import json
import subprocess
import sys

import pytest
import yaml


def test_json_is_one_document_and_the_same_when_skipped(trained_run, invoke, tmp_path):
    _, config, results = trained_run
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    code, stdout, stderr = invoke("run", recipe, "--json")
    assert code == 0
    document = json.loads(stdout)
    assert document["stages"]["eval"]["systems"] == results["eval"].record.systems
    assert stderr.count("skipped") == 3


def test_eval_prints_a_table_with_every_system(trained_run, invoke):
    out, config, results = trained_run
    code, stdout, _ = invoke("eval", out, "--queries", config.eval.queries[0])
    assert code == 0
    assert [line.split()[0] for line in stdout.splitlines()[3:13]] == list(results["eval"].record.systems)
    assert f"\n{results['eval'].record.verdict.decision}: " in stdout
    assert "\ntuned − base " in stdout
    assert "BM25 rank of the answer" in stdout
    assert len(stdout.splitlines()) <= 44


def test_train_names_a_candidate(trained_run, invoke, tmp_path):
    out, config, _ = trained_run
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    code, stdout, _ = invoke("train", out, "--config", recipe)
    assert code == 0
    assert "candidate: tuned" in stdout


def test_missing_stage_is_exit_3_with_the_next_step(invoke, tmp_path):
    code, stdout, stderr = invoke("train", tmp_path)
    assert (code, stdout) == (3, "")
    assert "generate → train → eval" in stderr


def test_changed_dataset_is_exit_7(trained_run, invoke, tmp_path):
    import shutil

    copy = tmp_path / "run"
    shutil.copytree(trained_run[0] / "dataset", copy / "dataset")
    with (copy / "dataset" / "queries.jsonl").open("a") as file:
        file.write("\n")
    code, _, stderr = invoke("train", copy)
    assert code == 7
    assert "queries.jsonl" in stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["generate", "nowhere", "--out", "x"], 3, "nowhere"),
        (["generate", "python-reference", "--out", "x", "--set", "per_knd=2"], 2, "did you mean 'per_kind'"),
        (["generate", "python-reference", "--out", "x", "--model", "no/such-model"], 2, "no/such-model"),
        (["generate", "--out", "x"], 2, "source"),
        (["run", "no-such-recipe"], 2, "quickstart"),
        (["run"], 2, "recipe"),
        (["evil"], 2, "No such command"),
    ],
)
def test_a_users_mistake_has_its_exit_code_and_no_traceback(invoke, monkeypatch, tmp_path, arguments, code, words):
    monkeypatch.chdir(tmp_path)
    found, stdout, stderr = invoke(*arguments)
    assert found == code
    assert stdout == ""
    assert words in stderr
    assert "Traceback" not in stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [[], ["generate"], ["train"], ["eval"], ["run"], ["doctor"]])
def test_help_has_an_example_and_loads_nothing_heavy(command):
    code = (
        f"import sys, runpy; sys.argv = ['embedtune', *{command}, '--help']\n"
        "try: runpy.run_module('embedtune', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'peft', 'faiss', 'llama_index', 'numpy', 'lxml', 'docutils'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "HEAVY []" in done.stdout
    assert ("Example: embedtune" if command else "embedtune run quickstart") in done.stdout


def test_strict_is_exit_3_and_names_the_files(invoke, tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.txt").write_text("Fill it.")
    (tmp_path / "docs" / "b.mp4").write_text("x")
    asked = ("generate", tmp_path / "docs", "--out", tmp_path / "run", "--dry-run")
    assert invoke(*asked)[0] == 0
    code, _, stderr = invoke(*asked, "--strict")
    assert code == 3
    assert "b.mp4: no reader for .mp4" in stderr


def test_dry_run_writes_nothing(invoke, tmp_path):
    code, stdout, _ = invoke("generate", "python-reference", "--out", tmp_path / "run", "--dry-run")
    assert code == 0
    assert "would run" in stdout
    assert list(tmp_path.iterdir()) == []


def test_a_whole_run_prints_no_library_noise(reference, tmp_path):
    """In a fresh process, stderr holds our own lines and nothing else."""
    arguments = ["generate", str(reference[0]), "--out", str(tmp_path / "run"), "--set", "per_kind=1"]
    done = subprocess.run([sys.executable, "-m", "embedtune", *arguments], capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1
    assert "passages" in lines[0]
