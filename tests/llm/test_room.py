import pytest

from embedtune.llm.room import CHARS_PER_TOKEN, Room
from embedtune.llm.store import Answer, Message, make_call

CALL = make_call("m", [Message("user", "u")], {"max_tokens": 100}, "write", continues=True)


def room_after(chars_a_token, *, n=20, adapts=True):
    room = Room(adapts=adapts)
    for _ in range(n):
        room.measure(Answer("x" * round(20 * chars_a_token), "stop", 9, 20))
    return room.of(CALL)


@pytest.mark.parametrize(("chars_a_token", "tokens"), [(2.5, 125), (4.5, 69), (20, 60), (0.5, 500), (0.35, 500)])
def test_the_tokens_follow_what_a_token_holds_within_bounds(chars_a_token, tokens):
    assert room_after(chars_a_token) == pytest.approx(tokens, abs=1)


def test_the_plan_stays_until_enough_is_measured_and_where_the_user_has_set_it():
    assert room_after(0.5, n=7) == 100
    assert room_after(0.5, adapts=False) == 100


def test_a_call_without_a_form_has_the_tokens_that_were_counted_for_it():
    room = Room(adapts=True)
    for _ in range(20):
        room.measure(Answer("x" * 90, "stop", 9, 20))
    assert room.of(CALL._replace(continues=False)) == 100
    assert room.of(CALL._replace(continues=False, schema={})) < 100


def test_an_answer_of_hardly_a_token_tells_nothing_and_a_tenth_may_be_odd():
    room = Room(adapts=True)
    for _ in range(18):
        room.measure(Answer("x" * 50, "stop", 9, 20))
    room.measure(Answer("", "stop", 9, 0))
    room.measure(Answer("x", "length", 9, 100))
    assert room.of(CALL) == round(100 * 1.25 * CHARS_PER_TOKEN / 2.5)
