import json

import pytest

from embedtune.errors import ProviderError
from embedtune.llm.store import Answer, Message, make_call
from embedtune.synthesis.llm.filters import WordFilter
from embedtune.synthesis.llm.prompts import Request, Wanted
from embedtune.synthesis.llm.tally import ENOUGH, LiveTally, listed
from embedtune.synthesis.statistics import CorpusStatistics
from embedtune.types import Passage

TEXT = "Fill the tank with cold tap water before you switch the kettle on. Limescale delays the switch."
PASSAGE = Passage("p", "d", "", TEXT, 0, len(TEXT))
OTHERS = [f"Room {number} of the office is in use on every day of the week" for number in range(30)]
CALL = make_call("m", [Message("user", "u")], {}, "write")


def answer(*queries):
    return Answer(json.dumps({"queries": queries}))


@pytest.fixture
def tally():
    request = Request((PASSAGE,), (Wanted("question", False), Wanted("keywords", False)))
    return LiveTally({CALL.key: request}, WordFilter(CorpusStatistics([TEXT, *OTHERS]), max_copied=5))


def test_queries_are_counted_as_they_come_by_what_becomes_of_them(tally):
    tally.add(CALL, answer("why does limescale make a kettle boil longer", "limescale delays the switch"))
    tally.add(CALL, answer("why does limescale make a kettle boil longer", "how full may my kettle tank be"))
    tally.add(CALL, Answer("not two lines"))
    assert (tally.kept, tally.n_answers) == (2, 3)
    assert str(tally) == "2 queries kept, 2 dropped (1 copied, 1 duplicate), 1 answers rejected (1 wrong_count)"


def test_two_dozen_answers_without_use_end_it_with_three_of_them(tally):
    for number in range(ENOUGH - 1):
        tally.add(CALL, Answer(f"no {number}\x1b[2J"))
        tally.require_use("openai:m")
    tally.add(CALL, answer("limescale delays the switch", "cold tap water"))
    with pytest.raises(ProviderError) as error:
        tally.require_use("openai:m")
    assert "in 24 answers, found none: 23 garbled, 1 copied" in str(error.value)
    assert str(error.value).count("\n  ") == 3
    assert '"no 0\\u001b[2J"' in str(error.value)
    assert "JSON schema" in error.value.hint


@pytest.mark.parametrize(
    ("text", "word"),
    [("<think>hm", "max_tokens"), ("I'm sorry, I cannot", "another model"), (json.dumps({"queries": ["cold tap", "tap water"]}), "max_copied")],
)  # fmt: skip
def test_what_would_help_depends_on_the_most_common_reason(tally, text, word):
    for _ in range(ENOUGH):
        tally.add(CALL, Answer(text))
    with pytest.raises(ProviderError) as error:
        tally.require_use("openai:m")
    assert word in error.value.hint


def test_one_query_that_can_be_used_is_use(tally):
    tally.add(CALL, answer("why does limescale make a kettle boil longer", "cold tap"))
    for _ in range(3 * ENOUGH):
        tally.add(CALL, Answer("no"))
    tally.require_use("openai:m")


def test_counts_in_words():
    assert listed({"few": 1, "none": 0, "many": 9}) == "9 many, 1 few"
