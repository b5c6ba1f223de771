from importlib import import_module

import pytest

from embedtune.errors import ConfigError
from embedtune.extras import requires


def test_a_missing_package_says_what_to_install_and_who_needs_it():
    with pytest.raises(ConfigError) as caught, requires("embedtune[llm]", where="--llm"):
        import_module("no_such_package")
    assert str(caught.value).startswith("--llm: expected the packages of embedtune[llm], found: No module named")
    assert caught.value.hint == 'pip install "embedtune[llm]"'


def test_what_is_there_is_imported():
    with requires("embedtune[nothing]"):
        assert import_module("json")
