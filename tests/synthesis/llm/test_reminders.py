import pytest

from embedtune.llm.failures import Rejected
from embedtune.llm.store import Answer, Message, make_call
from embedtune.synthesis.llm.reminders import remind
from embedtune.synthesis.llm.replies import BROKEN, CUT_OFF, EMPTY, GARBLED, ONLY_THOUGHTS, WRONG_COUNT

CALL = make_call("m", [Message("system", "s"), Message("user", "u")], {"max_tokens": 9}, "write")


@pytest.mark.parametrize(
    ("fault", "word"),
    [(EMPTY, "empty"), (ONLY_THOUGHTS, "thoughts"), (CUT_OFF, "cut off"), (BROKEN, "JSON"), (WRONG_COUNT, "entries"), ("new", "JSON")],
)  # fmt: skip
def test_the_fault_is_named_behind_the_answer_and_the_call_stays_the_same(fault, word):
    found = remind(CALL, Rejected(fault, Answer("<think>no</think>an answer")))
    assert found.key == CALL.key
    assert found.messages[:2] == CALL.messages
    assert [message.role for message in found.messages[2:]] == ["assistant", "user"]
    assert found.messages[2].content == "an answer"
    assert word in found.messages[3].content


def test_a_loop_is_not_sent_back_whole_and_nothing_is_named_as_nothing():
    assert len(remind(CALL, Rejected(CUT_OFF, Answer("word " * 9_000))).messages[2].content) <= 1_200
    assert remind(CALL, Rejected(ONLY_THOUGHTS, Answer("<think>no"))).messages[2].content == "(nothing)"


def test_an_answer_in_the_right_form_with_broken_characters_is_asked_for_by_the_same_prompt():
    assert remind(CALL, Rejected(GARBLED, Answer('{"queries": ["\\u0000"]}'))) == CALL
