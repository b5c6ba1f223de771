from __future__ import annotations

import importlib
import sys

import pytest

from embedtune.errors import ConfigError


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
