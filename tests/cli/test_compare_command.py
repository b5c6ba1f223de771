from __future__ import annotations

import json

import pytest

from tests.served_runs import QUERIES

QUESTION = "clean the spray arm with warm water"


@pytest.fixture(scope="module")
def run(served_run):
    return served_run("linear", evaluated=True)


def test_the_grid_fits_eighty_columns_and_names_every_passage(invoke, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = invoke("compare", run, QUESTION, "-k", 3, "-q")
    lines = out.splitlines()
    assert code == 0
    assert max(map(len, lines)) <= 80
    assert lines[0].strip() == f"“{QUESTION}”"
    assert lines[2].split() == ["rank", "bm25", "base", "tuned", "*", "hybrid_tuned"]
    assert lines[4].split()[:4] == ["1", "D", "new", "A"]
    assert any(line.startswith(" gone") for line in lines)
    assert any(line.startswith("A  d") for line in lines)
    assert lines[-1] == "* tuned, by the evaluation on test"


def test_where_bm25_finds_nothing_its_column_is_empty(invoke, run):
    code, out, _ = invoke("compare", run, QUERIES[0], "-k", 1, "-q")
    assert code == 0
    assert out.splitlines()[4].split()[:2] == ["1", "A"]


def test_json_is_one_document(invoke, run):
    code, out, _ = invoke("compare", run, QUESTION, "--json", "-q")
    found = json.loads(out)
    assert code == 0
    assert found["schema_version"] == 1
    assert [row["rank"] for row in found["systems"]["base"]] == [1, 2, 3, 4, 5]


def test_a_folder_without_a_run_is_an_error_with_a_hint(invoke, tmp_path):
    code, out, err = invoke("compare", tmp_path, "x", "-q")
    assert (code, out) == (3, "")
    assert "Hint: run the stage" in err
