from __future__ import annotations

from pathlib import Path

import pytest

from embedtune.errors import ConfigError, DataError, EmbedtuneError, IntegrityError, ResourceError


@pytest.mark.parametrize(
    ("error", "code"), [(EmbedtuneError, 1), (ConfigError, 2), (DataError, 3), (ResourceError, 5), (IntegrityError, 7)]
)
def test_each_error_has_its_exit_code(error, code):
    assert error("x").exit_code == code


@pytest.mark.parametrize(
    ("error", "builtin"), [(ConfigError, ValueError), (DataError, ValueError), (ResourceError, OSError)]
)
def test_callers_can_catch_the_builtin_error(error, builtin):
    with pytest.raises(builtin):
        raise error("x")


@pytest.mark.parametrize("error", [ConfigError, DataError, ResourceError, IntegrityError])
def test_every_error_is_an_embedtune_error_with_message_and_hint(error):
    raised = error("it is broken", hint="mend it")
    assert isinstance(raised, EmbedtuneError)
    assert (str(raised), raised.hint) == ("it is broken", "mend it")


def test_hint_is_optional():
    assert DataError("x").hint is None


def test_collect_lists_every_problem():
    error = ConfigError.collect("recipe.yaml", ["a: too small", "b: unknown"], hint="look")
    assert str(error) == "recipe.yaml: 2 problems\n  a: too small\n  b: unknown"
    assert error.hint == "look"


def test_collect_counts_one_problem_in_the_singular():
    assert str(ConfigError.collect("settings", ["a: too small"])) == "settings: 1 problem\n  a: too small"


def test_data_error_names_file_and_line():
    error = DataError.at(Path("in/corpus.jsonl"), 7, "one JSON object", "nothing", hint="h")
    assert str(error) == "in/corpus.jsonl:7: expected one JSON object, found nothing"
    assert error.hint == "h"


def test_data_error_without_a_line_names_the_file_only():
    assert str(DataError.at(Path("in"), None, "a folder", "a file")) == "in: expected a folder, found a file"
