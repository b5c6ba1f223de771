from __future__ import annotations

import pytest

from embedtune.config.settings import RunConfig, load_config
from embedtune.errors import ConfigError
from embedtune.formats.beir import read_qrels, read_queries
from embedtune.resources import find_query_set, find_recipe, recipes


def test_packaged_recipes_are_named_by_their_files():
    found = recipes()
    assert "quickstart" in found
    assert all(path.name == f"{name}.yaml" for name, path in found.items())


@pytest.mark.parametrize("name", sorted(recipes()))
def test_every_packaged_recipe_is_valid(name):
    config = load_config(RunConfig, file=find_recipe(name))
    assert config.out and config.generate.source


def test_a_path_beats_a_packaged_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quickstart").write_text("out: mine\n")
    assert find_recipe("quickstart").read_text() == "out: mine\n"


def test_unknown_recipe_lists_the_packaged_ones():
    with pytest.raises(ConfigError, match=r"quikstart: expected a recipe file or one of .*quickstart.*, found neither"):
        find_recipe("quikstart")


def test_packaged_query_set_is_a_beir_folder_whose_judgements_fit():
    folder = find_query_set("python-reference")
    assert folder is not None
    queries = {query.query_id for query in read_queries(folder)}
    qrels = read_qrels(folder / "qrels" / "test.tsv")
    assert len(qrels) > 100
    assert qrels.keys() == queries


@pytest.mark.parametrize("name", ["no-such-set", ""])
def test_unknown_query_set_is_none(name):
    assert find_query_set(name) is None
