import importlib
import sys

import pytest

from embedtune.errors import ConfigError
from embedtune.integrations.metadata import hit_metadata, passage_metadata
from embedtune.retrieval.fusion import Parts
from embedtune.serving.retriever import Hit
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
    with pytest.raises(ConfigError, match=rf"expected the packages of embedtune\[{extra}\]") as caught:
        importlib.import_module(name)
    assert caught.value.hint == f'pip install "embedtune[{extra}]"'


def test_metadata_have_no_empty_values():
    bare = Passage("p-1", "d", "", "text", 0, 4)
    full = bare._replace(title="Title", page=2)
    assert passage_metadata(bare) == {"passage_id": "p-1", "document_id": "d"}
    assert passage_metadata(full) == {"passage_id": "p-1", "document_id": "d", "title": "Title", "page": 2}
    assert hit_metadata(Hit(bare, 0.5, 3, Parts(None, 3)), "bm25") == {
        "passage_id": "p-1", "document_id": "d", "system": "bm25", "rank": 3, "lexical_rank": 3,
    }  # fmt: skip
