"""Settings in words."""

import pytest
from pydantic import BaseModel, Field
from setting_rows import as_yaml, sections_of

from embedtune.config.settings import RunConfig


class Inner(BaseModel):
    """What is inside."""

    share: float = Field(0.5, ge=0, le=1, description="A share.")


class Outer(BaseModel):
    """Above."""

    source: str = Field(description="A folder.")
    limit: int | None = Field(None, ge=1, description="At most.")
    inner: Inner = Inner()


def test_sections_come_with_names_values_and_defaults():
    outer, inner = sections_of(Outer)
    assert [tuple(each) for each in outer.settings] == [
        ("source", "text", None, "A folder."),
        ("limit", "whole number, 1 or more, or null", "null", "At most."),
    ]
    assert (inner.name, inner.about) == ("inner", "What is inside.")
    assert tuple(inner.settings[0]) == ("share", "number, 0 to 1", "0.5", "A share.")


def test_every_setting_of_a_recipe_has_values_in_words():
    rows = {
        f"{section.name}.{each.name}": each.values for section in sections_of(RunConfig) for each in section.settings
    }
    assert len(rows) > 80 and all(rows.values())
    assert rows["train.quantize"] == "`auto`, `nf4`, `fp4`, `int8`, `none`"
    assert rows["train.seed"] == "whole number, 0 or more"
    assert rows["train.learning_rate"] == "number, above 0, below 1, or null"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("auto", "auto"),
        ("none", '"none"'),
        ((0.5, 1.0), "[0.5, 1.0]"),
        ({"a": 1}, "{a: 1}"),
        (None, "null"),
        ("", '""'),
    ],
)
def test_defaults_are_yaml(value, text):
    assert as_yaml(value) == text
