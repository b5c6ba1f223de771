import importlib
import sys

import pytest

from embedtune.errors import ConfigError
from embedtune.integrations.hit_facts import brought_by, hit_facts, passage_facts
from embedtune.serving.hits import Hit, Parts
from embedtune.types import Passage


@pytest.mark.parametrize(
    ("module", "extra", "package"),
    [
        ("llama_index", "llama-index", "llama_index.core.base.base_retriever"),
        ("langchain", "langchain", "langchain_core.callbacks"),
        ("haystack", "haystack", "haystack"),
    ],
)
def test_a_missing_package_names_its_extra(monkeypatch, module, extra, package):
    name = f"embedtune.integrations.{module}"
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=f"expected the packages of the extra {extra}") as caught:
        importlib.import_module(name)
    assert caught.value.hint == f'pip install "embedtune[{extra}]"'


def test_what_is_there_is_imported():
    with brought_by("nothing"):
        assert importlib.import_module("json")


def test_facts_have_no_empty_values():
    bare = Passage("p-1", "d", "", "text", 0, 4)
    full = bare._replace(title="Title", page=2)
    assert passage_facts(bare) == {"passage_id": "p-1", "document_id": "d"}
    assert passage_facts(full) == {"passage_id": "p-1", "document_id": "d", "title": "Title", "page": 2}
    assert hit_facts(Hit(bare, 0.5, 3, Parts(None, 3)), "bm25") == {
        "passage_id": "p-1", "document_id": "d", "system": "bm25", "rank": 3, "lexical_rank": 3,
    }  # fmt: skip
