"""Orders to a model are told from orders to people."""

import pytest

from embedtune.synthesis.llm.injection import speaks_to_model, visible
from tests.conftest import HELP_ARTICLE, MANUAL, _document_text
from tests.injections import documents


@pytest.mark.parametrize("document", documents()[::10], ids=lambda document: document.name)
def test_each_way_to_give_orders_is_noticed(document):
    assert speaks_to_model(document.text)


def test_manuals_tell_people_what_to_do():
    assert not [paragraph for paragraph in (MANUAL + HELP_ARTICLE).split("\n\n") if speaks_to_model(paragraph)]
    assert not [number for number in range(26) if speaks_to_model(_document_text(number))]


@pytest.mark.parametrize(
    "text",
    [
        "Ignore the warning light until the pump stops.",
        "The system prompts for a password.",
        "The following rules apply to overtime: ask your manager first.",
        "Press any key to continue. The program prints the result.",
    ],
)
def test_sentences_that_are_near(text):
    assert not speaks_to_model(text)


def test_what_is_seen():
    assert visible("ﬁ\u200bne\u00ad x\n") == "fine x\n"
