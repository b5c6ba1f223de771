import shutil
from pathlib import Path

import pytest

from embedtune.errors import ConfigError, DataError
from embedtune.serving.comparison import compare
from embedtune.ui.run_comparison import RunComparison
from tests.served_runs import QUERIES


def test_every_system_of_a_run_has_its_list(runs):
    lists = runs.lists(QUERIES[3], 4)
    assert list(lists) == runs.first.systems
    assert {len(hits) for name, hits in lists.items() if name != "bm25"} == {4}
    assert lists["tuned"][0].passage.document_id == "d3"


USUAL = ["base", "bm25", "tuned", "hybrid_tuned", "rerank_tuned"]


def test_a_comparison_is_that_of_the_command_and_reranking_is_in_it(run, runs):
    (found,) = runs.compare("clean the spray arm", 3).values()
    assert list(found.systems) == USUAL
    again = compare(run, "clean the spray arm", 3, systems=USUAL)
    assert found.as_json()["systems"] == again.as_json()["systems"]
    (chosen,) = runs.compare("clean the spray arm", 3, systems=["rrf_base", "no such system"]).values()
    assert list(chosen.systems) == ["base", "rrf_base"]
    with pytest.raises(ConfigError, match="found none"):
        runs.compare("  ", 3)


def test_a_further_run_adds_its_models_and_not_bm25_again(run, tmp_path):
    other = tmp_path / "elsewhere" / Path(run).name
    shutil.copytree(run, other)
    both = RunComparison([run, other])
    first, second = both.opened
    assert (first, second) == ("run", "elsewhere/run")
    found = both.compare("spray arm", 3)
    assert list(found[first].systems) == USUAL
    assert list(found[second].systems) == list(found[second].gone) == ["base", "tuned", "hybrid_tuned", "rerank_tuned"]
    assert set(both.lists("spray arm", 3)) == {
        *both.first.systems, *(f"{name}:{second}" for name in both.first.systems if name != "bm25"),
    }  # fmt: skip
    with pytest.raises(ConfigError, match="open already"):
        both.add(other / ".." / "run")


def test_a_run_of_another_corpus_is_refused(run, small_run):
    runs = RunComparison([run])
    with pytest.raises(DataError, match="expected the corpus of"):
        runs.add(small_run[0])
    assert len(runs.opened) == 1
