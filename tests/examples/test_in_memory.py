"""The README's example in memory runs, and the notebook from its first cell to its last.

Both run twice: as they stand, and with a model of two layers as their base; the small README alone is fast, in this process.
"""

from __future__ import annotations

import logging
import os
import re
import resource
import subprocess
import sys
from functools import partial
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from embedtune.dataset import Dataset

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "examples" / "quickstart.ipynb"
GENERAL = ROOT / "data" / "general"
BASE = '"sentence-transformers/all-MiniLM-L6-v2"'


def small(code, base):
    """Return code with a small base in the place of the one that it names."""
    # Few steps change a model of random weights too little to be saved as tuned.
    return code.replace(BASE, repr(str(base))).replace("n_evals=1", "n_evals=1, learning_rate=0.01")


@pytest.fixture(scope="module", params=["as it stands", "small"])
def with_base(request):
    """Return a function that gives code its base: the one that it names, or a small one."""
    if request.param == "as it stands":
        return lambda code: code
    return partial(small, base=request.getfixturevalue("tiny_base"))


@pytest.fixture
def readme():
    """Return the code, with data in front of it."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## From Python, in memory")[2]
    (code,) = re.findall(r"```python\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    assert BASE in code
    general = Dataset.from_beir(GENERAL)  # 150 pairs; here they only have to be there
    passages = {passage.passage_id: passage.text for passage in general.passages}
    test = general.splits["test"]
    pairs = [(query.text, passages[next(iter(test.qrels[query.query_id]))]) for query in test.queries]
    return f"queries, passages = map(list, zip(*{pairs!r}))\n{code}"


def test_the_readme_in_memory_runs(readme, tiny_base, capfd, monkeypatch):
    monkeypatch.setattr(logging.getLogger("embedtune"), "handlers", [])  # of a command that an earlier test ran
    exec(compile(small(readme, tiny_base), "README.md", "exec"), {"__name__": "readme"})
    check(*capfd.readouterr())


@pytest.mark.slow
def test_the_readme_in_memory_takes_a_minute_on_two_cores_at_most(readme, tmp_path):
    script = tmp_path / "example.py"
    script.write_text(readme, encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "2"}
    result = subprocess.run([sys.executable, script], check=False, capture_output=True, text=True, env=environment)
    assert result.returncode == 0, result.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    check(result.stdout, result.stderr)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert seconds <= 2 * 60  # of two cores for a minute; the clock depends on what else runs


def check(stdout, stderr):
    lines = stdout.splitlines()
    assert lines[0].startswith("kept the ") and lines[1].split()[:2] == ["system", "ndcg@10"]
    assert [line.split()[0] for line in lines[2:6]] == ["base", "tuned", "hybrid_base", "hybrid_tuned"]
    assert stderr == ""  # no line of another library's


@pytest.fixture(scope="module")
def executed(with_base):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert any(BASE in cell.source for cell in notebook.cells)
    for cell in notebook.cells:
        cell.source = with_base(cell.source)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    return notebook


def test_the_notebook_is_stored_without_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook.cells)


@pytest.mark.slow  # half a minute of imports in a kernel of its own; the README does the same in this process
def test_the_notebook_runs_and_shows_tables(executed):
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert [output for output in outputs if output.output_type != "execute_result"] == []  # no bar, no log, no warning
    tables = [output.data["text/html"] for output in outputs if "text/html" in output.data]
    assert len(tables) == 3 and all("<table>" in table for table in tables)
    assert any(output.data["text/plain"].startswith("kept the ") for output in outputs)
